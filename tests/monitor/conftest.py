"""A jobs table of the test's own, and the parts of the jobs on it."""

from tests.jobs.conftest import instance, table, upstream

__all__ = ["instance", "table", "upstream"]
