"""Identifiers from outside."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import identifiers
from shared.identifiers import InvalidIdentifier

HOSTILE = ["", " ", "a b", "a/b", "..", "a\n", "a'b", "\u0660", "%2e", "a" * 101, "a\x00", "\u2028"]


def test_a_job_id_is_a_guid_in_any_case_and_kept_in_lower_case() -> None:
    assert identifiers.job_id("B3F49DFF-381F-480D-A10E-17F4CE49B65F") == "b3f49dff-381f-480d-a10e-17f4ce49b65f"


@pytest.mark.parametrize(
    "text", [*HOSTILE, "b3f49dff381f480da10e17f4ce49b65f", "{b3f49dff-381f-480d-a10e-17f4ce49b65f}"]
)
def test_anything_else_is_not_a_job_id(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        identifiers.job_id(text)


def test_a_private_offer_id_need_not_be_a_guid() -> None:
    assert identifiers.private_offer_id("456e-a345-c457-1234") == "456e-a345-c457-1234"


@pytest.mark.parametrize(
    "text", [f"private-offer{slash}abc" for slash in ("/", "%2F", "%2f")] + ["Private-Offer/abc"]
)
def test_a_durable_id_is_accepted_with_its_slash_as_it_is_or_percent_encoded(text: str) -> None:
    assert identifiers.private_offer_id(text) == "abc"


@pytest.mark.parametrize(
    "text", [f"private-offer/{rest}" for rest in ("", "private-offer/abc", "a/b")] + ["offer/abc"]
)
def test_a_prefix_of_another_kind_or_without_an_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        identifiers.private_offer_id(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_not_identifiers_of_any_kind(text: str) -> None:
    for check in (identifiers.private_offer_id, identifiers.publisher_id, identifiers.offer_id):
        with pytest.raises(InvalidIdentifier) as error:
            check(text)
        assert not text.strip() or text not in str(error.value)


@pytest.mark.parametrize("text", ["contoso", "example-vm", "a.b_c", "059afc24-07de-4126-b004-4e42a51816fe", "..a"])
def test_cpp_ids_are_names_as_well_as_guids(text: str) -> None:
    assert identifiers.publisher_id(text) == text
    assert identifiers.offer_id(text) == text


@pytest.mark.parametrize(
    "read", [identifiers.job_id, identifiers.private_offer_id, identifiers.publisher_id, identifiers.offer_id]
)
def test_any_text_is_an_identifier_or_malformed(read: Callable[[str], str]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=120) | st.text("0aF-\n", min_size=30, max_size=40))
    def check(text: str) -> None:
        with suppress(InvalidIdentifier):
            found = read(text)
            assert found.isascii()
            assert found.isprintable()
            assert not set(found) & set("/ %?#'")

    check()
