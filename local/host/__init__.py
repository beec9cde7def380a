"""A Functions host for this machine: it imitates Azure's host around Microsoft's own Python runtime.

For development only. It does not import the app; the runtime loads `function_app.py`, as it does on Azure.
`docs/local-development.md` says where it behaves like the real host, and where it differs.
"""
