from shared.json_codec import loads
from shared.redaction import SIGNED_LINK_REMOVED, redact_signed_links, without_signed_links

SIGNED = "https://docs.blob.core.windows.net/terms/a.pdf?sv=2024-08-04&sr=b&sig=c2VjcmV0%3D"


def test_a_link_with_a_signature_is_taken_out_of_a_text() -> None:
    assert redact_signed_links(f"see {SIGNED} for more") == f"see {SIGNED_LINK_REMOVED} for more"


def test_the_signature_is_found_in_any_case_and_any_place_of_the_query() -> None:
    for link in (
        "HTTPS://a.example/x?SIG=abc",
        "https://a.example/?sig=abc&se=2027",
        "http://a.example/?a=1&Sig=abc",
    ):
        assert redact_signed_links(f'"{link}"') == f'"{SIGNED_LINK_REMOVED}"'


def test_a_signed_link_inside_another_links_query_is_taken_out_too() -> None:
    text = redact_signed_links("https://a.example/?to=https%3A%2F%2Fb.example%2F%3Fsig%3Dabc")

    assert text == SIGNED_LINK_REMOVED


def test_a_signature_without_its_link_is_taken_out() -> None:
    assert "abc" not in redact_signed_links("query was sv=2024&sig=abc%3D")


def test_links_without_a_signature_stay() -> None:
    text = "https://a.example/?design=2&signal=3 has a sig nal"

    assert redact_signed_links(text) == text


def test_keys_that_hold_signed_links_lose_their_values_and_keep_their_kind() -> None:
    offer = {
        "termsAndConditionsDocSasUrl": "https://a.example/unsigned",
        "termsAndConditionsDocs": [{"sasurl": "anything", "fileName": "a.pdf"}],
        "acceptanceLinks": [{"beneficiaryId": "b", "link": "https://portal.example/accept/xyz"}],
        "name": "kept",
    }

    assert without_signed_links(offer) == {
        "termsAndConditionsDocSasUrl": SIGNED_LINK_REMOVED,
        "termsAndConditionsDocs": [{"sasurl": SIGNED_LINK_REMOVED, "fileName": "a.pdf"}],
        "acceptanceLinks": [],
        "name": "kept",
    }


def test_a_signed_link_is_removed_wherever_it_stands() -> None:
    value = {"definition": {"logos": [{"large": SIGNED}, ["deep", SIGNED]]}}

    assert without_signed_links(value) == {
        "definition": {"logos": [{"large": SIGNED_LINK_REMOVED}, ["deep", SIGNED_LINK_REMOVED]]}
    }


def test_the_value_given_is_left_as_it_is() -> None:
    value = {"links": [SIGNED]}

    without_signed_links(value)

    assert value == {"links": [SIGNED]}


def test_values_of_other_kinds_keep_their_digits() -> None:
    value = loads('{"version": 636576975611768314, "discount": 2.0, "no": null, "yes": true}')

    assert without_signed_links(value) == value
    assert str(without_signed_links(value)["discount"]) == "2.0"


def test_json_nested_deeper_than_python_calls_is_no_trouble() -> None:
    deep = loads("[" * 5000 + f'"{SIGNED}"' + "]" * 5000)

    found = without_signed_links(deep)
    while isinstance(found, list):
        found = found[0]

    assert found == SIGNED_LINK_REMOVED
