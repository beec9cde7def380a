"""A process that stands still before one of its requests to storage: the shared part of the tests about it.

A machine that is suspended or overloaded can stop a process for minutes, at any moment.
"""

from collections.abc import Callable

import pytest
from azure.core.rest import HttpRequest, HttpResponse

from shared.storage.table import Table


def stand_still(patch: pytest.MonkeyPatch, table: Table, number: int, meanwhile: Callable[[], object]) -> None:
    """Before this table's request of that number, counted from 1, everything in `meanwhile` happens."""
    send, sent = table._send_once, [0]

    def send_once(request: HttpRequest) -> HttpResponse:
        sent[0] += 1
        if sent[0] == number:
            meanwhile()
        return send(request)

    patch.setattr(table, "_send_once", send_once)
