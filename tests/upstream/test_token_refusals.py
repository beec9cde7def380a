"""The reasons why there is no token, as sentences that are safe to log."""

from itertools import pairwise

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import CredentialUnavailableError
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.upstream.tokens import entra_refusal


@pytest.mark.parametrize("code", ["7000215", "700016", "90002", "53003", "123456"])
def test_a_refusal_gives_entras_code_without_repeating_its_text(code: str) -> None:
    sentence = entra_refusal(ClientAuthenticationError(f"AADSTS{code}: secret-echo Trace ID: 1"))

    assert f"AADSTS{code}" in sentence
    assert "secret-echo" not in sentence


@pytest.mark.parametrize("code", ["90033", "90055"])
def test_a_busy_entra_is_called_busy(code: str) -> None:
    assert "busy or failing at the moment" in entra_refusal(ClientAuthenticationError(f"AADSTS{code}: text"))


def test_a_refused_client_without_a_code_is_a_refused_credential() -> None:
    sentence = entra_refusal(ClientAuthenticationError("Authentication failed: invalid_client"))

    assert sentence == "Entra gives no token: it refuses the app's credential."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "did not answer in time"),
        (CredentialUnavailableError(), "the managed identity is not available"),
        (ServiceRequestError("refused"), "cannot be reached"),
        (ServiceResponseError("cut"), "the connection was cut"),
    ],
)
def test_each_error_of_the_libraries_has_its_sentence(error: Exception, words: str) -> None:
    """They are known by their names, so that importing this module imports neither library."""
    assert words in entra_refusal(error)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(ClientAuthenticationError, st.text())
        | st.builds(OSError, st.integers(), st.text())
        | st.builds(KeyError, st.binary() | st.text())
        | st.builds(Unprintable),
        min_size=1,
    )
)
def test_any_error_becomes_one_of_the_monitors_own_sentences(errors: list[Exception]) -> None:
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner

    assert entra_refusal(errors[0]).startswith(("Entra gives no token", "No token"))


def test_an_error_is_recognised_inside_one_that_wraps_it() -> None:
    outer = ClientAuthenticationError("Authentication failed")
    outer.__cause__ = ServiceRequestError("refused")

    assert "cannot be reached" in entra_refusal(outer)
