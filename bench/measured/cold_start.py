"""A cold start: the time to import a module and, with `tick`, the time and the modules of the first idle tick."""

import importlib
import sys
import time

from bench.measured.handshake import argument, report, wait_for_start


def main() -> None:
    """`module` to import; `tick`: fire its `poll_pending_jobs` afterwards, as the timer does."""
    given = argument()
    wait_for_start()
    began = time.perf_counter()
    module = importlib.import_module(given["module"])
    imported_seconds = time.perf_counter() - began
    began = time.perf_counter()
    if given["tick"]:
        module.poll_pending_jobs(None)
    report(
        {
            "importSeconds": imported_seconds,
            "tickSeconds": time.perf_counter() - began,
            "modules": sorted(sys.modules),
        }
    )


if __name__ == "__main__":
    main()
