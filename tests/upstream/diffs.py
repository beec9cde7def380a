"""The diff of two definitions of a CPP offer, and what it tells (shared/upstream/cpp_diff.py)."""

from shared.json_codec import dumps
from shared.upstream.cpp_diff import (
    Change,
    Diff,
    offer_diff,
)


def diff_of(before: object, after: object) -> Diff:
    """The diff of two definitions."""
    return offer_diff(dumps({"definition": before}).encode(), dumps({"definition": after}).encode())


def changes_of(before: object, after: object) -> list[Change]:
    diff = diff_of(before, after)
    assert not diff.more_changes
    return diff.changes


def told(before: object, after: object) -> list[tuple[str, str]]:
    return [(change["op"], change["path"]) for change in changes_of(before, after)]
