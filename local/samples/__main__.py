"""`python -m local.samples`: fill the app's storage and the sandbox with two weeks of history.

The app's settings come from the environment, as in the app itself; nothing else may use its storage meanwhile.
"""

import argparse
import logging
import os
from datetime import UTC, datetime

from local.samples.history import History
from local.samples.past import PastApp, SetClock
from local.samples.sandbox_control import SandboxControl


def main() -> None:
    """Make the history, and forget the requests that this took from the sandbox's log."""
    parser = argparse.ArgumentParser(prog="python -m local.samples", description=main.__doc__)
    parser.add_argument("--sandbox", required=True, help="the sandbox's URL")
    parser.add_argument("--receiver", required=True, help="the webhook receiver's URL")
    arguments = parser.parse_args()
    logging.getLogger("offer_monitor").setLevel(logging.CRITICAL)  # failures are part of the history
    sandbox = SandboxControl(arguments.sandbox, ca_bundle=os.environ["REQUESTS_CA_BUNDLE"])
    now = datetime.now(UTC)
    clock = SetClock(now)
    History(PastApp(clock), clock, sandbox, arguments.receiver, now).happen()
    sandbox.delete("requests")
    print("samples ready", flush=True)


if __name__ == "__main__":
    main()
