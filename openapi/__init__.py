"""Writes the API's description, an OpenAPI 3.1 document: `make openapi`, after any change of a call. Not deployed.

`functions.py` finds every call and what its handler declares, `schemas.py` turns the declared types into JSON Schema,
`calls.py` and `events.py` describe the calls and the webhooks, `document.py` puts the document together. `texts.py`
has what the code does not say about a call; the examples are answers of the running app (`examples.json`).
"""
