"""HTTP handlers: each reads a request, calls one thing of the domain, and turns the result into an answer.

They know nothing of Azure Functions: `function_app.py` translates, so that a test needs no host.
"""
