"""sandbox/README.md says all that the sandbox can do."""

from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.dialects import DIALECTS
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.member_names import camel_case
from sandbox.state import SandboxSettings
from sandbox.tokens import Account

GUIDE = (Path(__file__).parents[2] / "sandbox" / "README.md").read_text(encoding="utf-8")
SETTINGS = camel_case({setting.name: None for setting in fields(SandboxSettings)})


@pytest.mark.parametrize("name", sorted({*FAULT_NAMES, *DIALECTS, *SETTINGS}))
def test_the_guide_names_every_fault_dialect_and_setting(name: str) -> None:
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("field", [field.name for field in fields(Account)])
def test_the_guide_tells_the_accounts_as_they_are(field: str) -> None:
    assert getattr(Account(), field) in GUIDE
