"""A jobs table of the test's own, as the tests of jobs have it."""

from tests.jobs.conftest import instance, settings, table

__all__ = ["instance", "settings", "table"]
