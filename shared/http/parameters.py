"""Query parameters, checked one by one; every fault of a request is named in one answer."""

from collections.abc import Callable, Collection, Mapping

from shared.http.exchange import Response
from shared.http.problems import invalid_request
from shared.identifiers import InvalidIdentifier
from shared.json_codec import dumps

LONGEST_TEXT_CHARACTERS = 500
LONGEST_SHOWN_NAME_CHARACTERS = 50


# The function key may travel in the query; the host has looked at it.
_ALWAYS_KNOWN = "code"


def takes_parameters[H: Callable[..., Response]](handler: H) -> H:
    """Mark a handler that looks at its query parameters itself, by `Parameters`. Any other is only called without."""
    handler.takes_parameters = True  # type: ignore[attr-defined] # functions may have attributes
    return handler


def check_parameters(handler: Callable[..., Response], query: Mapping[str, str]) -> None:
    """Refuse every parameter of a handler that takes none."""
    if not getattr(handler, "takes_parameters", False):
        Parameters(query, known=()).check()


class Parameters:
    """Reads a request's parameters and gathers their faults; `check` raises them all."""

    def __init__(self, query: Mapping[str, str], *, known: Collection[str]) -> None:
        self._query = query
        here = f"known here: {', '.join(sorted(known))}" if known else "this call takes none"
        self._faults = [
            f"{dumps(name[:LONGEST_SHOWN_NAME_CHARACTERS])} is not a known parameter; {here}"
            for name in query
            if name not in known and name.casefold() != _ALWAYS_KNOWN
        ]

    def fault(self, text: str) -> None:
        self._faults.append(text)

    def check(self) -> None:
        """Raise a problem that names every fault found."""
        if self._faults:
            raise invalid_request(self._faults)

    def text(self, name: str, *, longest: int = LONGEST_TEXT_CHARACTERS) -> str | None:
        """The parameter, or None if it is absent."""
        value = self._query.get(name)
        if value is not None and not 0 < len(value) <= longest:
            self.fault(f"{name} should be a text of 1 to {longest} characters")
            return None
        return value

    def choice(self, name: str, choices: Collection[str], default: str | None = None) -> str | None:
        """One of the choices, in any case."""
        value = self._query.get(name)
        if value is None:
            return default
        if value.casefold() not in choices:
            self.fault(f"{name} should be one of {', '.join(choices)}")
            return default
        return value.casefold()

    def whole_number(self, name: str, default: int | None, *, lowest: int, highest: int) -> int | None:
        value = self._query.get(name)
        if value is None:
            return default
        # isdecimal alone would take digits of every script, int alone signs, spaces and underscores.
        is_number = value.isascii() and value.isdecimal() and len(value) <= 20
        if not is_number or not lowest <= int(value) <= highest:
            self.fault(f"{name} should be a whole number from {lowest} to {highest}")
            return default
        return int(value)

    def limit(self, default: int, highest: int) -> int:
        """How many items a page may hold."""
        return self.whole_number("limit", default, lowest=1, highest=highest) or default

    def identifier(self, name: str, check: Callable[[str], str]) -> str | None:
        """An identifier, or None if it is absent."""
        value = self._query.get(name)
        return None if value is None else self.checked_id(value, check) or None

    def checked_id(self, value: str, check: Callable[[str], str]) -> str:
        """An identifier; a malformed one is a fault and reads as an empty text."""
        try:
            return check(value)
        except InvalidIdentifier as error:
            self.fault(str(error))
            return ""
