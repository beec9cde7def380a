"""What proofs share: a table of their own, a receiver, and the seed of their random choices."""

import os
import random
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.app.app import JobsTable
from tests.reliability.report import tested_commit
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(scope="session", autouse=True)
def _commit_at_the_start() -> None:
    tested_commit()


@pytest.fixture
def table(azurite: str) -> JobsTable:
    """A jobs table of the test's own, empty."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    return table


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook receiver of the test's own."""
    with receiving() as running:
        yield running


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str]) -> int:
    """A new seed for every run, printed; `RELIABILITY_SEED` repeats an earlier one."""
    chosen = int(os.environ.get("RELIABILITY_SEED") or random.randrange(2**32))  # noqa: S311 - not a secret
    with capsys.disabled():
        sys.stdout.write(f"\nRELIABILITY_SEED={chosen}\n")
    return chosen
