"""How endpoints are kept."""

from datetime import timedelta

import pytest

from shared.setting_reader import SettingsError
from shared.storage.errors import RowChanged
from shared.storage.table import Table
from shared.webhooks.endpoints import EndpointStore
from shared.webhooks.signing import new_secret
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks


@pytest.fixture
def store(webhook_tables: tuple[Table, Table]) -> EndpointStore:
    return EndpointStore(webhook_tables[0])


def test_an_endpoint_is_read_as_it_was_added(store: EndpointStore, add_endpoint: AddEndpoint) -> None:
    endpoint = add_endpoint("https://a.example/", events=("job.*",), description="CRM", format="slack")
    assert store.get(endpoint.id) == endpoint
    assert store.all() == [endpoint]


def test_endpoints_are_listed_oldest_first(store: EndpointStore, add_endpoint: AddEndpoint, clock: FakeClock) -> None:
    added = []
    for _ in range(3):
        added.append(add_endpoint("https://a.example/"))
        clock.advance(1)
    assert store.all() == added


def test_a_change_of_an_endpoint_that_has_changed_since_is_refused(
    store: EndpointStore, add_endpoint: AddEndpoint
) -> None:
    endpoint = add_endpoint("https://a.example/")
    store.change(endpoint)
    with pytest.raises(RowChanged):
        store.change(endpoint)


def test_the_old_secret_signs_for_24_hours_and_no_longer(add_endpoint: AddEndpoint, clock: FakeClock) -> None:
    endpoint = add_endpoint("https://a.example/")
    new = new_secret()
    rotated = endpoint.with_secret(new, clock.now())
    assert rotated.signing_secrets(clock.now()) == [new, endpoint.secret]
    day = timedelta(hours=24)
    assert rotated.signing_secrets(clock.now() + day - timedelta(seconds=1)) == [new, endpoint.secret]
    assert rotated.signing_secrets(clock.now() + day) == [new]


def test_a_rotation_is_kept(store: EndpointStore, add_endpoint: AddEndpoint, clock: FakeClock) -> None:
    rotated = add_endpoint("https://a.example/").with_secret(new_secret(), clock.now())
    store.change(rotated)
    assert store.get(rotated.id) == rotated


def test_a_row_changed_by_hand_hides_no_other_endpoint(
    store: EndpointStore,
    add_endpoint: AddEndpoint,
    webhook_tables: tuple[Table, Table],
) -> None:
    endpoint = add_endpoint("https://a.example/")
    webhook_tables[0].upsert({"PartitionKey": "endpoint", "RowKey": "wh_broken", "url": "https://b.example/"})
    assert store.all() == [endpoint]
    assert store.listing().unreadable == ["wh_broken"]


def test_an_endpoint_shows_no_secret_when_it_is_printed(add_endpoint: AddEndpoint, clock: FakeClock) -> None:
    endpoint = add_endpoint("https://a.example/").with_secret(new_secret(), clock.now())
    assert "whsec_" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "secret", "named"),
    [
        ("http://hooks.example/", "whsec_" + "A" * 32, ["WEBHOOK_URL"]),
        ("https://10.0.0.1/", "whsec_" + "A" * 32, ["WEBHOOK_URL"]),
        ("https://hooks.example/", "secret", ["WEBHOOK_SECRET"]),
        ("https://user@hooks.example/", "secret", ["WEBHOOK_URL", "WEBHOOK_SECRET"]),
    ],
)
def test_settings_that_make_no_endpoint_are_named_without_their_values(
    open_instance: OpenWebhooks, url: str, secret: str, named: list[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        open_instance(WEBHOOK_URL=url, WEBHOOK_SECRET=secret, WEBHOOK_ALLOW_PRIVATE_NETWORKS="false")
    assert [fault.partition(" ")[0] for fault in raised.value.faults] == named
    assert "user@" not in str(raised.value)
