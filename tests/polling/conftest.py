"""The parts of an instance, as the tests of jobs have them."""

from tests.jobs.conftest import instance, table, upstream

__all__ = ["instance", "table", "upstream"]
