"""Python imports this module in each process whose PYTHONPATH names this folder: it starts the recording there."""

import os
import sys
from pathlib import Path

_REPOSITORY = str(Path(__file__).parents[4])

if os.environ.get("OFFER_MONITOR_EVIDENCE"):
    sys.path.insert(0, _REPOSITORY)
    try:
        from tests.reliability.marked import hooks
    finally:
        sys.path.remove(_REPOSITORY)
    hooks.start()
