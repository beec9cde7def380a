"""`make openapi`: write the description of every call, from what the handlers declare."""

import function_app
from openapi.document import build_document, read_examples, written
from openapi.functions import find_calls
from shared.http.pages import DOCUMENT

if __name__ == "__main__":
    calls = find_calls(function_app.app.get_functions())
    DOCUMENT.write_text(written(build_document(calls, read_examples())), encoding="utf-8")
