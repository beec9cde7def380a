import pytest

from shared.upstream.urls import ForeignLink, relative_to, relative_url

BASE = "https://graph.microsoft.com/rp/product-ingestion"


def test_ids_are_quoted_into_the_path() -> None:
    url = relative_url("private-offer", "a/../b?c#d e", query={"$version": "2023-07-15"})

    assert url == "private-offer/a%2F..%2Fb%3Fc%23d%20e?$version=2023-07-15"


@pytest.mark.parametrize("segment", ["", ".", "..", "..."])
def test_a_segment_that_would_change_the_path_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match="segment"):
        relative_url("publishers", segment, query={})


@pytest.mark.parametrize("origin", ["https://graph.microsoft.com", "https://GRAPH.microsoft.com:443"])
def test_a_link_below_the_base_is_kept_verbatim(origin: str) -> None:
    rest = "private-offer?%24version=2023-07-15&continuationToken=a%2Bb=="

    assert relative_to(BASE, f"{origin}/rp/product-ingestion/{rest}") == rest


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/rp/product-ingestion/private-offer",
        "http://graph.microsoft.com/rp/product-ingestion/private-offer",
        "https://graph.microsoft.com:8443/rp/product-ingestion/private-offer",
        "https://graph.microsoft.com:port/rp/product-ingestion/private-offer",
        "https://graph.microsoft.com@evil.example/rp/product-ingestion/private-offer",
        "https://user@graph.microsoft.com/rp/product-ingestion/private-offer",
        "https://graph.microsoft.com.evil.example/rp/product-ingestion/private-offer",
        "https://graph.microsoft.com/rp/product-ingestion-evil/private-offer",
        "https://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com/rp/product-ingestion/../../v1.0/users",
        "https://graph.microsoft.com/rp/product-ingestion/%2e%2e/%2E%2E/v1.0/users",
        "https://graph.microsoft.com/rp/product-ingestion/a\\..\\b",
        "https://graph.microsoft.com/rp/product-ingestion//private-offer",
        "//graph.microsoft.com/rp/product-ingestion/private-offer",
        "/rp/product-ingestion/private-offer",
        "https://[graph.microsoft.com/rp/product-ingestion/private-offer",
        "opaque_uri",
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_foreign(link: str) -> None:
    with pytest.raises(ForeignLink):
        relative_to(BASE, link)
