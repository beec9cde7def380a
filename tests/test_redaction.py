import html
import json
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import DEEPEST_NESTING, loads
from shared.redaction import SECRET_REMOVED, SIGNED_LINK_REMOVED, redact, without_signed_links
from tests.json_texts import json_values

SIGNED = "https://docs.blob.core.windows.net/terms/a.pdf?sv=2024-08-04&sr=b&sig=c2VjcmV0%3D"


def test_a_link_with_a_signature_is_removed_from_a_text() -> None:
    assert redact(f"see {SIGNED} for more") == f"see {SIGNED_LINK_REMOVED} for more"


def test_the_signature_is_found_in_any_case_and_any_place_of_the_query() -> None:
    for link in (
        "HTTPS://a.example/x?SIG=abc",
        "https://a.example/?sig=abc&se=2027",
        "http://a.example/?a=1&Sig=abc",
    ):
        assert redact(f'"{link}"') == f'"{SIGNED_LINK_REMOVED}"'


def test_a_signed_link_inside_another_links_query_is_removed() -> None:
    text = redact("https://a.example/?to=https%3A%2F%2Fb.example%2F%3Fsig%3Dabc")

    assert text == SIGNED_LINK_REMOVED


def test_a_signature_without_its_link_is_removed() -> None:
    assert "abc" not in redact("query was sv=2024&sig=abc%3D")


def test_links_without_a_signature_stay() -> None:
    text = "https://a.example/?design=2&signal=3 has a sig nal"

    assert redact(text) == text


def test_members_that_hold_signed_links_lose_their_values_and_keep_their_types() -> None:
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


def test_a_signed_link_is_removed_at_any_place_in_a_value() -> None:
    value = {"definition": {"logos": [{"large": SIGNED}, ["deep", SIGNED]]}}

    assert without_signed_links(value) == {
        "definition": {"logos": [{"large": SIGNED_LINK_REMOVED}, ["deep", SIGNED_LINK_REMOVED]]}
    }


def test_the_given_value_is_not_changed() -> None:
    value = {"links": [SIGNED]}

    without_signed_links(value)

    assert value == {"links": [SIGNED]}


def test_values_of_other_types_keep_their_digits() -> None:
    value = loads('{"version": 636576975611768314, "discount": 2.0, "no": null, "yes": true}')

    assert without_signed_links(value) == value
    assert str(without_signed_links(value)["discount"]) == "2.0"


def test_the_deepest_json_that_can_be_read_is_redacted() -> None:
    deep = loads("[" * DEEPEST_NESTING + f'"{SIGNED}"' + "]" * DEEPEST_NESTING)

    found = without_signed_links(deep)
    while isinstance(found, list):
        found = found[0]

    assert found == SIGNED_LINK_REMOVED


def percent(text: str) -> str:
    return quote(text, safe="")


def as_json(text: str) -> str:
    return json.dumps(text).replace("&", "\\u0026").replace("=", "\\u003D")


ESCAPED: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON as .NET writes it": as_json,
    "JSON in JSON": lambda text: as_json(as_json(text)),
    "percent-encoded": percent,
    "percent-encoded twice": lambda text: percent(percent(text)),
    "percent-encoded four times": lambda text: percent(percent(percent(percent(text)))),
    "percent-encoded in JSON": lambda text: as_json(percent(text)),
    "JSON, percent-encoded": lambda text: percent(as_json(text)),
    "HTML": html.escape,
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "HTML by decimal number": lambda text: text.replace("&", "&#38;").replace("=", "&#061;"),
    "HTML by hexadecimal number": lambda text: text.replace("&", "&#x26;").replace("=", "&#X3d;"),
    "HTML by name": lambda text: text.replace("&", "&amp;").replace("=", "&equals;"),
    "half percent-encoded": lambda text: text.replace("&", "%26"),
    "in another link": lambda text: "https://a.example/?to=" + percent(text),
}
SECRETS = [
    "https://docs.example/a.pdf?sv=2024-08-04&sig=TOPSECRET%2B%3D",
    "https://docs.example/a.pdf?SIG=TOPSECRET&se=2027",
    "https://fn.example/api/hook?code=TOPSECRET==&x=1",
    "the query sv=2024&sig=TOPSECRET%3D",
    "/api/hook?code=TOPSECRET",
    '{"sig":"TOPSECRET="}',
    "{'sig' : 'TOPSECRET='}",
    "sig: TOPSECRET",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=TOPSECRET==;EndpointSuffix=x",
    "BlobEndpoint=https://a;SharedAccessSignature=sv=2024&sig=TOPSECRET",
    "SharedAccessSignature sr=a&sig=TOPSECRET&se=1&skn=b",
    "grant_type=client_credentials&client_secret=TOPSECRET~a.b",
    "client_assertion=TOPSECRET&x=1",
    '"access_token": "TOPSECRET"',
    "x-functions-key: TOPSECRET",
    "Authorization: Bearer TOPSECRET-long-enough",
    "Bearer eyJTOPSECRET.eyJTOPSECRET.TOPSECRET-_",
    "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJUT1BTRUNSRVQi.TOPSECRET",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("escaped", ESCAPED.values(), ids=ESCAPED)
def test_a_secret_is_found_in_any_escaping(escaped: Callable[[str], str], secret: str) -> None:
    text = redact(f"before {escaped(secret)} after")

    assert "TOPSECRET" not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/?design=2&signal=3 has a sig nal",
        'the "code":"conflict", status code=409, code: 5',
        "100% of %zz, a \\path and R&D; &unknown; &#999;",
        "the bearer of this, an assertion failed: no token",
        "eyJ is no token",
        "",
    ],
)
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("blank", ["\\n", "\\r\\n", "\\t", "\\\\n", "%0A"])
def test_a_secret_is_found_behind_an_escaped_line_break(blank: str) -> None:
    assert redact(f'"Host: x{blank}sig: TOPSECRET"') == f'"Host: x{blank}sig: {SECRET_REMOVED}"'


def test_a_given_secret_is_found_in_any_escaping() -> None:
    for escaped in ESCAPED.values():
        assert "hunter&22" not in unquote(html.unescape(redact(f"no {escaped('hunter&22')} here", ["hunter&22"])))
    assert redact("hunter%26%32%32", ["hunter%2622"]) == SECRET_REMOVED


@pytest.mark.parametrize("letter", ["ß", "\u0130", "\ufb00"], ids=["sharp s", "dotted I", "ff"])
def test_a_given_secret_is_cut_out_exactly_behind_a_letter_that_is_longer_in_another_case(letter: str) -> None:
    assert redact(f"{letter} HUNTER22 {letter}", ["hunter22"]) == f"{letter} {SECRET_REMOVED} {letter}"


def test_a_dotted_capital_i_is_found_as_an_i() -> None:
    assert redact("no H\u0130DDEN22 here", ["hidden22"]) == f"no {SECRET_REMOVED} here"


def test_every_occurrence_of_a_given_secret_is_removed() -> None:
    assert redact("hunter22hunter22 hunter22", ["hunter22"]) == f"{SECRET_REMOVED}{SECRET_REMOVED} {SECRET_REMOVED}"


def test_a_given_secret_of_four_characters_is_removed_and_a_shorter_one_stays() -> None:
    assert redact("abcd abc", ["abcd", "abc"]) == f"{SECRET_REMOVED} abc"


def test_a_secret_whose_escapes_would_end_it_is_removed_whole() -> None:
    assert redact("sig=TOP%20SECRET") == f"sig={SECRET_REMOVED}"


def test_a_text_with_every_kind_of_secret_at_once_loses_them_all() -> None:
    assert "TOPSECRET" not in redact("\n".join(SECRETS))


def test_a_signed_link_that_begins_with_another_secret_is_named_as_a_signed_link() -> None:
    assert redact(f"see {SIGNED}", ["https://docs.blob"]) == f"see {SIGNED_LINK_REMOVED}"


def test_an_escape_of_more_than_one_character_moves_nothing() -> None:
    assert redact("%c3%a4%a4 %41 sig=abc, x") == f"%c3%a4%a4 %41 sig={SECRET_REMOVED}, x"


def test_the_text_around_a_secret_keeps_its_escapes() -> None:
    assert redact("50%25 of \\u0041 &amp; sig%3Dabc &lt;") == f"50%25 of \\u0041 &amp; sig%3D{SECRET_REMOVED} &lt;"


@pytest.mark.parametrize(
    "name", ["sig", "client_secret", "clientSecret", "AccountKey", "logoSasUri", "x-functions-key"]
)
def test_a_member_with_the_name_of_a_secret_loses_its_value(name: str) -> None:
    assert without_signed_links({name: "abc", "code": "conflict"}) == {name: SIGNED_LINK_REMOVED, "code": "conflict"}


@pytest.mark.parametrize(
    ("member", "emptied"),
    [("abc", SIGNED_LINK_REMOVED), (["abc"], []), ({"a": "b"}, {}), (12345678, None), (True, None), (None, None)],
)
def test_a_secret_member_is_emptied_whatever_it_holds(member: object, emptied: object) -> None:
    assert without_signed_links({"sig": member}) == {"sig": emptied}


def test_a_secret_in_a_members_name_is_removed() -> None:
    assert "abc" not in str(without_signed_links({"https://a.example/?sig=abc": 1}))


HOSTILE = [
    "\\",
    "%25",
    "%2525",
    "eyJ",
    "eyJaaaaaaaa-",
    "&#0",
    "&amp;",
    "sig=",
    "sig:'",
    "http://",
    "?code=",
    "bearer ",
]


def test_a_mebibyte_of_hostile_text_takes_time_in_proportion_to_its_length() -> None:
    """A pattern that tried again from each place would take many minutes."""
    repeated = "".join(each * (1024 * 1024 // len(HOSTILE) // len(each)) for each in HOSTILE)

    assert "TOPSECRET" not in redact(repeated + " sig=TOPSECRET", ["hunter22"])


@settings(max_examples=100, deadline=None)
@given(st.text() | st.lists(st.sampled_from([*HOSTILE, *SECRETS, "u0026", "&#x26;", '"', "="])).map("".join))
def test_redacting_a_text_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@settings(max_examples=100, deadline=None)
@given(json_values(names=("sig", "sasUrl", "name"), texts=(SIGNED, "fine")))
def test_no_value_keeps_a_signed_link(value: object) -> None:
    assert "c2VjcmV0" not in json.dumps(without_signed_links(value))
