"""An instance of the app, as the tests of jobs have it."""

from tests.jobs.conftest import instance, settings, table

__all__ = ["instance", "settings", "table"]
