from pathlib import Path

import pytest

from tests.pages.building import REPOSITORY, build


@pytest.fixture(scope="session")
def built_pages() -> Path:
    """The folder of the real pages, built from the sources as they are now."""
    run = build()
    assert run.returncode == 0, run.stderr
    return REPOSITORY / "shared/pages/built"
