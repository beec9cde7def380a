"""The fixtures of the tests of jobs."""

from tests.jobs.conftest import instance, settings, stores, table

__all__ = ["instance", "settings", "stores", "table"]
