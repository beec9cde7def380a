"""`make bench`: measures the app beside what is possible at best, or beside the simplest thing that could do the job.

Unlike the rest of `local/`, this package imports the app: it measures its parts, and fills its tables in bulk.
Azurite, the sandbox and the webhook receiver run in processes of their own; so does each thing that is measured
(`measured/`), so that its imports, its memory and its share of the interpreter are its own.

`groups/` says what is measured and what stands beside it; `docs/benchmarks.md` explains each row.
"""
