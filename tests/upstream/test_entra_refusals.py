from itertools import pairwise

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.upstream.entra_refusals import read_refusal


@pytest.mark.parametrize("code", ["7000215", "700016", "90002", "53003", "123456"])
def test_an_error_of_the_credential_lasts_until_someone_acts(code: str) -> None:
    refusal = read_refusal(ClientAuthenticationError(f"AADSTS{code}: secret-echo Trace ID: 1"))

    assert not refusal.transient
    assert f"AADSTS{code}" in refusal.sentence
    assert "secret-echo" not in refusal.sentence


@pytest.mark.parametrize("code", ["90033", "90055"])
def test_an_error_of_entras_own_passes(code: str) -> None:
    assert read_refusal(ClientAuthenticationError(f"AADSTS{code}: busy")).transient


def test_a_refused_client_without_a_code_lasts_too() -> None:
    assert not read_refusal(ClientAuthenticationError("Authentication failed: invalid_client")).transient


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
def test_whatever_was_raised_is_a_refusal_in_words_of_our_own(errors: list[Exception]) -> None:
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner

    assert read_refusal(errors[0]).sentence.startswith(("Entra gives no token", "No token"))


def test_an_error_is_recognised_behind_the_one_that_wraps_it() -> None:
    outer = ClientAuthenticationError("Authentication failed")
    outer.__cause__ = ServiceRequestError("refused")

    refusal = read_refusal(outer)

    assert refusal.transient
    assert "cannot be reached" in refusal.sentence
