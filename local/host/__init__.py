"""A Functions host for this machine: what Azure puts around an app, with Microsoft's own Python runtime inside.

Development only. It imports nothing of the app; the runtime loads `function_app.py`, as it does on Azure.
`docs/local-development.md` says what it does as the real host does, and what it leaves out.
"""
