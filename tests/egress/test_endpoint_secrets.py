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


@pytest.mark.parametrize("query", ["", "?", "?&", "?=", "?code=12345678&"])
def test_an_equals_sign_in_an_answer_stays(query: str) -> None:
    """A query that is empty, or has an empty part, holds no secret there."""
    text = "retries = 3; ok == true"
    assert without_secrets(text, f"https://hooks.example/{query}") == text
