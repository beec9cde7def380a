"""`%SETTING%` in bindings."""

import pytest

from local.host.binding_settings import resolve_settings
from local.host.errors import HostError


def test_a_setting_is_put_in_its_place() -> None:
    binding = {"type": "timerTrigger", "schedule": "%SECOND% * * * * *", "useMonitor": True}
    resolved = resolve_settings(binding, {"SECOND": "30"}, function="tick")
    assert resolved == {"type": "timerTrigger", "schedule": "30 * * * * *", "useMonitor": True}


def test_a_setting_that_is_not_set_is_named_with_its_function() -> None:
    with pytest.raises(HostError, match="function tick needs the setting 'SECOND'"):
        resolve_settings({"schedule": "%SECOND% * * * * *"}, {}, function="tick")
