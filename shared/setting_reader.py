"""Reads and checks settings by name, and reports all faults at once."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DAYS_MAX = 3650
DAYS_MAX_COUNT = 10
_PRINTABLE_ASCII = re.compile(r"[!-~]{1,2000}")


class SettingsError(Exception):
    """Settings are missing or malformed. `faults` has a text for each, such as "JOBS_TABLE should be ..."."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Settings at fault: " + "; ".join(faults))
        self.faults = faults


class SettingReader:
    """Reads settings by name and collects their faults. Meanwhile a faulty setting reads as its default."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def fault(self, setting: str, should: str) -> None:
        self._faults.append(f"{setting} {should}")

    def raise_faults(self) -> None:
        if self._faults:
            raise SettingsError(self._faults)

    def text(self, setting: str) -> str | None:
        """The trimmed value; None if the setting is unset or blank, since Azure leaves a cleared setting blank."""
        return self._environ.get(setting, "").strip() or None

    def required(self, setting: str, pattern: str, should_be: str) -> str:
        value = self.text(setting)
        if value is None:
            self.fault(setting, f"is required: {should_be}")
        elif not re.fullmatch(pattern, value):
            self.fault(setting, f"should be {should_be}")
        return value or ""

    def url(self, setting: str, default: str) -> str:
        """An https base URL without query or trailing slash; http is allowed for this machine only."""
        value = (self.text(setting) or default).rstrip("/")
        if not _is_base_url(value):
            self.fault(setting, "should be an https URL without userinfo, query or fragment")
        return value

    def public_url(self, setting: str) -> str | None:
        """An https or http URL of any host, without trailing slash; None if it is not set."""
        text = self.text(setting)
        if text is None:
            return None
        value = text.rstrip("/")
        # urlsplit takes an empty query or user name for none.
        plain = re.fullmatch(r"https?://[^@/?#]+(/[^?#]*)?", value, re.IGNORECASE)
        is_url = plain and _PRINTABLE_ASCII.fullmatch(value) and _is_base_url(value, http_allowed=True)
        if not is_url:
            self.fault(setting, "should be an https or http URL without userinfo, query or fragment")
        return value

    def scope(self, setting: str, default: str) -> str:
        value = self.text(setting) or default
        if not value.endswith("/.default"):
            self.fault(setting, "should be a token scope that ends in /.default")
        return value

    def version(self, setting: str, default: str) -> str:
        value = self.text(setting) or default
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-[a-z0-9]+)?", value):
            self.fault(setting, "should be a version such as " + default)
        return value

    def number(self, setting: str, default: float, lowest: float, highest: float) -> float:
        return self._number(setting, default, lowest, highest, float, "a number")

    def whole_number(self, setting: str, default: int, lowest: int, highest: int) -> int:
        return self._number(setting, default, lowest, highest, int, "a whole number")

    def flag(self, setting: str, *, default: bool = False) -> bool:
        value = (self.text(setting) or str(default)).casefold()
        if value not in {"true", "false", "1", "0"}:
            self.fault(setting, "should be true or false")
        return value in {"true", "1"}

    def days(self, setting: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of days separated by commas, without duplicates, the greatest first.

        A blank value is an empty list. Only an unset one is the default.
        """
        if setting not in self._environ:
            return default
        texts = [text.strip() for text in (self.text(setting) or "").split(",")]
        if texts == [""]:
            return ()
        if len(texts) > DAYS_MAX_COUNT or not all(map(_is_number_of_days, texts)):
            whole_numbers = f"whole numbers of days from 1 to {DAYS_MAX}"
            self.fault(setting, f"should be at most {DAYS_MAX_COUNT} {whole_numbers}, separated by commas")
            return default
        return tuple(sorted({int(text) for text in texts}, reverse=True))

    def _number[N: (int, float)](
        self, setting: str, default: N, lowest: float, highest: float, parse: Callable[[str], N], kind: str
    ) -> N:
        text = self.text(setting)
        if text is None:
            return default
        try:
            value = parse(text)
        except ValueError:
            value = None
        # `not (a <= b)` instead of `b < a`: comparisons with NaN are false, and NaN must be refused.
        if value is None or not (lowest <= value <= highest):
            self.fault(setting, f"should be {kind} from {lowest:g} to {highest:g}")
            return default
        return value


def _is_number_of_days(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,9}", text)) and 1 <= int(text) <= DAYS_MAX


def _is_base_url(value: str, *, http_allowed: bool = False) -> bool:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    secure = parts.scheme == "https" or (
        parts.scheme == "http" and (http_allowed or parts.hostname in _LOOPBACK_HOSTS)
    )
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return secure and plain and port_is_valid and bool(parts.hostname)
