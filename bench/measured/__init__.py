"""What is measured, each a module that runs as a process of its own: see `process.py` for who starts it."""
