"""What is remembered between calls must not pass from one test to another."""

import pytest

from shared.egress import urls


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """A test would otherwise check only what an earlier one had computed."""
    urls.url_faults.cache_clear()
    urls._secrets_of.cache_clear()
