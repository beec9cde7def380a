"""A start: the time to import one module, and with `tick` what the first idle tick then takes and loads."""

import importlib
import sys
import time

from bench.measured.handshake import argument, report, wait_for_the_word


def main() -> None:
    """`module` to import; `tick`: fire its `poll_pending_jobs` afterwards, as the timer does."""
    given = argument()
    wait_for_the_word()
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
