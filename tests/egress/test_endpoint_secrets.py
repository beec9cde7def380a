"""How a URL is shown, and what is taken out of texts that an endpoint sends back."""

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.egress.urls import shown_url, url_faults, without_secrets

SLACK = "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcDEF123secretPART"


POWER_AUTOMATE = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=Ab%2Bcd%3D-_Efgh%26ijk"
)


@given(
    st.from_regex(r"https://[a-z]{1,5}\.example/[a-z0-9/%=&]{0,20}(\?[a-z0-9=&%+]{0,40})?", fullmatch=True),
    st.text(max_size=200),
)
def test_secrets_are_taken_out_of_any_text(url: str, text: str) -> None:
    assert isinstance(without_secrets(text, url), str)
    assert isinstance(shown_url(url), str)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/offers", "https://hooks.example/offers"),
        ("https://hooks.example/offers?access_token=1&x=2", "https://hooks.example/offers?***"),
        ("https://hooks.example/offers?s%69g=SECRET", "https://hooks.example/offers?***"),
        ("https://hooks.example/?SECRET", "https://hooks.example/?***"),
        ("https://user:pw@hooks.example:8443/offers", "https://***@hooks.example:8443/offers"),
        (SLACK, "https://hooks.slack.com/services/***"),
        (POWER_AUTOMATE, "https://prod-12.westeurope.logic.azure.com:443/workflows/***?***"),
        (
            "https://default1.d2.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/abc?sig=x",
            "https://default1.d2.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/***?***",
        ),
        ("https://contoso.webhook.office.com/webhookb2/a@b/c", "https://contoso.webhook.office.com/webhookb2/***"),
    ],
)
def test_a_shown_url_hides_its_query_and_the_path_of_a_chat_service(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("url", [SLACK, POWER_AUTOMATE, "https://hooks.example/?key=1"])
def test_a_shown_url_cannot_be_sent_back(url: str) -> None:
    [fault] = url_faults(shown_url(url), allow_private=False)
    assert "hides a secret" in fault


ESCAPINGS = {
    "as it is": lambda text: text,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in HTML": html.escape,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON as .NET writes it": lambda text: "".join(
        character if character.isalnum() else f"\\u{ord(character):04X}" for character in text
    ),
    "in JSON within JSON": lambda text: json.dumps(json.dumps(text))[3:-3],
    "in JSON with slashes escaped": lambda text: text.replace("/", "\\/"),
    "in lower case": str.lower,
}


@pytest.mark.parametrize("escape", ESCAPINGS.values(), ids=ESCAPINGS)
@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (SLACK, ["abcDEF123secretPART", "T0123ABCD/B0123ABCD/abcDEF123secretPART"]),
        (POWER_AUTOMATE, ["Ab+cd=-_Efgh&ijk", "0123456789abcdef"]),
        ("https://fn.example/api/hook?code=a%2Fb%22c%3Cd%3E%C3%BCefgh", ['a/b"c<d>üefgh']),
        ("https://fn.example/api/hook?SECRETWITHOUTNAME", ["SECRETWITHOUTNAME"]),
        ("https://fn.example/api/hook?code=short", ["code=short"]),
    ],
)
def test_an_endpoints_own_secrets_are_taken_out_of_a_text_however_they_are_escaped(
    url: str, secrets: list[str], escape: object
) -> None:
    assert callable(escape)
    for secret in secrets:
        assert escape(secret) not in without_secrets(f"no such page: {escape(secret)}!", url)


@pytest.mark.parametrize("second", ESCAPINGS.values(), ids=ESCAPINGS)
@pytest.mark.parametrize("first", ESCAPINGS.values(), ids=ESCAPINGS)
def test_an_endpoints_own_secrets_are_found_in_mixed_escapings(first: object, second: object) -> None:
    assert callable(first)
    assert callable(second)
    url = "https://fn.example/api/hook?code=Ab%2B%2Fcd9%3D%3DzQ%22"
    text = second(first('Ab+/cd9==zQ"'))
    assert without_secrets(f"no such page: {text}!", url) == "no such page: [secret removed]!"


def test_an_answer_of_nothing_but_backslashes_is_searched_quickly_for_many_secrets() -> None:
    url = "https://fn.example/?" + "&".join(f"name{number}=value{number:08}" for number in range(80))
    text = "\\" * 16 * 1024
    assert without_secrets(text, url) == text


def test_the_rest_of_a_text_stays() -> None:
    text = "Version 1.0: no such flow"
    assert without_secrets(text, POWER_AUTOMATE) == text


REMOVED = "[secret removed]"
PLAIN = "https://hooks.example/"


def test_the_end_of_a_cut_text_is_dropped_where_half_a_secret_may_be() -> None:
    url = f"{PLAIN}?code=123456789012"
    most_escaped = 6 * 12
    assert without_secrets("x" * 100 + "y" * most_escaped, url, is_cut=True) == "x" * 100
    assert without_secrets("y" * most_escaped, url, is_cut=True) == ""
    assert without_secrets("y" * (most_escaped - 1), url, is_cut=True) == ""


def test_a_whole_text_keeps_its_end() -> None:
    assert without_secrets("x" * 100, f"{PLAIN}?code=123456789012") == "x" * 100


def test_a_cut_text_keeps_its_end_if_the_endpoint_has_no_secrets() -> None:
    assert without_secrets("no such page", PLAIN, is_cut=True) == "no such page"


def test_a_very_short_secret_is_removed_only_where_it_stands_alone() -> None:
    shown = without_secrets("abc xabc abcx Xabc abcX 1abc abc1 (abc)", PLAIN, (("x-key", "abc"),))
    assert shown == f"{REMOVED} xabc abcx Xabc abcX 1abc abc1 ({REMOVED})"


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        # Eight characters are a secret by themselves, seven only together with their name.
        (f"{PLAIN}?key=12345678", "12345678", REMOVED),
        (f"{PLAIN}?key=1234567", "1234567 key=1234567", f"1234567 {REMOVED}"),
        (f"{PLAIN}?a=1&key=12==345678", "12==345678", REMOVED),
        (f"{PLAIN}?12345678", "12345678", REMOVED),
        (f"{PLAIN}?12345678=", "12345678", REMOVED),
        (f"{PLAIN}?key=my+own+secret", "my own secret", REMOVED),
        (f"{PLAIN}?a=1&key=my+own=secret", "my+own=secret", REMOVED),
        (f"{PLAIN}?my+own+secret", "my own secret", REMOVED),
        ("https://hooks.slack.com/services/T2345678/B/c", "T2345678", REMOVED),
        ("https://hooks.slack.com/services/T234567/B/c", "T234567", "T234567"),
        ("https://hooks.slack.com/services/T1/B1/c1", "T1/B1/c1", REMOVED),
    ],
)
def test_the_parts_of_a_url_that_are_secrets_are_removed(url: str, text: str, shown: str) -> None:
    assert without_secrets(text, url) == shown


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("key=12345678;other=x", "12345678 x", f"{REMOVED} x"),
        ("key=1234567,other=x", "1234567", "1234567"),
        ("id=1 key=ab==345678", "ab==345678", REMOVED),
        ("first12, second1&third123", "first12 second1 third123", f"first12 second1 {REMOVED}"),
        ("BASIC dXNlcjpwYTpzcw==", "user:pa:ss", REMOVED),
        ("Basic dXNlcjpwYTpzcw==", "pa:ss", REMOVED),
        ("Basic dXNlcjpwYTpzcw==", "dXNlcjpwYTpzcw==", REMOVED),
        ("Basic  dXNlcjpwYTpzcw==", "pa:ss", REMOVED),  # RFC 9110, 11.4: one or more spaces
        ("Basic dXNlcjpwYTpzcw==", "user", "user"),
        ("Basic dXNlcjo=", "user:", REMOVED),  # without a password
        ("Basic c2VjcmV0!", "a secret", "a secret"),  # not base64
        ("Basic /w==", "a secret", "a secret"),  # not a text
        ("Bearer c2VjcmV0", "a secret", "a secret"),  # not basic, so not unpacked
    ],
)
def test_the_parts_of_a_headers_value_that_are_secrets_are_removed(value: str, text: str, shown: str) -> None:
    assert without_secrets(text, PLAIN, (("x-key", value),)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack-gov.com/services/SECRET",
        "https://hooks.slack.com/workflows/SECRET",
        "https://hooks.slack.com/triggers/SECRET",
        "https://outlook.office.com/webhook/SECRET",
        "https://outlook.office365.com/webhook/SECRET",
        "https://a.logic.azure.us/a/workflows/SECRET",
    ],
)
def test_the_path_of_every_chat_service_is_hidden(url: str) -> None:
    assert shown_url(url) == url.replace("SECRET", "***")


@pytest.mark.parametrize("url", ["https://slack.com/services/offers", "https://hooks.slack.com/offers/services/x"])
def test_the_path_of_other_services_is_shown(url: str) -> None:
    assert shown_url(url) == url


def test_a_user_name_with_an_at_sign_is_hidden_whole() -> None:
    assert shown_url("https://a@b:pw@hooks.example/") == "https://***@hooks.example/"


@pytest.mark.parametrize("query", ["", "?", "?&", "?=", "?code=12345678&"])
def test_an_equals_sign_in_an_answer_stays(query: str) -> None:
    """A query that is empty, or has an empty part, holds no secret there."""
    text = "retries = 3; ok == true"
    assert without_secrets(text, f"https://hooks.example/{query}") == text
