"""`make openapi`: write the description of every call, from what the handlers declare."""

import function_app
from openapi.document import build_document, read_examples, written
from openapi.functions import find_calls
from shared.http.openapi import DOCUMENT

# These declare nothing yet. The list must become empty.
UNDECLARED = (
    *("register_webhook", "list_webhooks", "get_webhook", "change_webhook", "remove_webhook", "test_webhook"),
    *("rotate_webhook_secret", "list_deliveries", "redeliver"),
)

if __name__ == "__main__":
    calls = find_calls(function_app.app.get_functions(), leave_out=UNDECLARED)
    DOCUMENT.write_text(written(build_document(calls, read_examples())), encoding="utf-8")
