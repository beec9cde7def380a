"""The fixtures of the tests of jobs."""

from tests.jobs.conftest import instance, settings, table

__all__ = ["instance", "settings", "table"]
