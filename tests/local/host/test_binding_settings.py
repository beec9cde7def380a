"""`%SETTING%` in bindings."""

import pytest

from local.host.binding_settings import resolve_settings
from local.host.errors import FunctionError


def test_a_setting_replaces_its_name_between_percent_signs() -> None:
    binding = {"type": "timerTrigger", "schedule": "%SECOND% * * * * *", "useMonitor": True}
    resolved = resolve_settings(binding, {"SECOND": "30"})
    assert resolved == {"type": "timerTrigger", "schedule": "30 * * * * *", "useMonitor": True}


def test_a_setting_that_is_not_set_is_named() -> None:
    with pytest.raises(FunctionError, match="needs the setting 'SECOND'"):
        resolve_settings({"schedule": "%SECOND% * * * * *"}, {})
