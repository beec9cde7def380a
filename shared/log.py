"""The app's own log lines: `<event> <one-line JSON object>`.

Azure's host overwrites custom dimensions of Python log records, so the facts stand in the message, where a query can
parse them. `docs/operations.md` lists every event with its fields; alerts and the workbook read nothing else.
"""

import logging

from shared.json_codec import dumps


def log_event(logger: logging.Logger, event: str, /, *, level: int = logging.INFO, **facts: object) -> None:
    """Write one event. `facts` must hold no secret, token or signed link."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s %s", event, dumps(facts))
