"""`make bench`: measures the app and compares it with the ideal, or with the simplest program that does the same.

Unlike `local/`, this package imports the app: it measures its parts, and fills its tables in bulk. Azurite, the
sandbox, the webhook receiver and each measured program (`measured/`) run in separate processes, so that nothing else
counts towards a program's imports, memory and CPU time.

`groups/` defines the rows and what each is compared with; `docs/benchmarks.md` explains them.
"""
