"""Looks for secrets in texts: for marks, and for the values that were noted, in every form that `marks` knows."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.reliability.marked import marks

# Enough text around the core of a mark to read its kind.
_AROUND_BYTES = 40
_TEXTS_AT_ONCE_BYTES = 8_000_000
_BETWEEN = b"\n\x00\n"


@dataclass(frozen=True)
class Hit:
    """A secret in the text at `position`. `value` is None if it has a mark, and `port` 0 if that names none."""

    position: int
    secret: str
    value: str | None = None
    port: int = 0


class Search:
    """A search for every mark and for `known` values, each with the kind of secret that it is."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._mark_in_lower_case, self._mark_in_base64 = marks.forms(marks.CORE)
        self._in_lower_case: list[tuple[bytes, str, str]] = []
        self._as_they_are: list[tuple[bytes, str, str]] = []
        for value, secret in known.items():
            lowered, exact = marks.forms(value)
            self._in_lower_case += [(form, secret, value) for form in _shortest(lowered)]
            self._as_they_are += [(form, secret, value) for form in _shortest(exact)]

    def hits(self, texts: Iterable[str]) -> Iterator[Hit]:
        """What each text holds, each secret once; positions count the texts from 0."""
        before, batch, size = 0, [], 0
        for text in texts:
            coded = text.encode("utf-8", "surrogatepass")
            batch.append(coded)
            size += len(coded)
            if size >= _TEXTS_AT_ONCE_BYTES:
                yield from self._hits(batch, before)
                before, batch, size = before + len(batch), [], 0
        yield from self._hits(batch, before)

    def _hits(self, texts: Sequence[bytes], before: int) -> Iterator[Hit]:
        starts, at = [], 0
        for text in texts:
            starts.append(at)
            at += len(text) + len(_BETWEEN)
        whole = _BETWEEN.join(texts)
        lowered = whole.lower()
        found = {
            Hit(before + bisect_right(starts, where) - 1, mark.kind, port=mark.port)
            for where, mark in self._marks(whole, lowered)
        }
        for text, forms in ((lowered, self._in_lower_case), (whole, self._as_they_are)):
            for form, secret, value in forms:
                found |= {Hit(before + bisect_right(starts, at) - 1, secret, value) for at in _places(text, form)}
        values: dict[int, set[str]] = {}
        for hit in found:
            values.setdefault(hit.position, set()).add(hit.value or "")
        for hit in sorted(found, key=lambda hit: (hit.position, str(hit))):
            # A value that is a part of another one that is there too has not been found by itself.
            if hit.value is None or not any(hit.value in other for other in values[hit.position] - {hit.value}):
                yield hit

    def _marks(self, whole: bytes, lowered: bytes) -> Iterator[tuple[int, marks.Mark]]:
        for form in self._mark_in_lower_case:
            for at in _places(lowered, form):
                text = lowered[at : at + _AROUND_BYTES].decode("latin-1")
                yield at, marks.mark_in(text) or marks.mark_in_hex(lowered, at) or marks.UNREADABLE
        for form in self._mark_in_base64:
            for at in _places(whole, form):
                yield at, marks.mark_in_base64(whole, at) or marks.UNREADABLE


def _places(text: bytes, form: bytes) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + len(form))


def _shortest(forms: set[bytes]) -> set[bytes]:
    """Without the forms that contain another one: whoever finds that one has found them."""
    return {form for form in forms if not any(other in form for other in forms - {form})}
