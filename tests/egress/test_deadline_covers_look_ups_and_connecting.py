"""Names are looked up and addresses tried within the deadline."""

import socket
import threading

import pytest

from shared.egress.deadline import (
    DeadlineSocket,
    answer_within,
    connect_to_first,
    dial_by_name,
    resolve_in_time,
    system_resolver,
)
from tests.egress.answering import serving


def test_a_slow_name_look_up_is_given_up_at_the_deadline() -> None:
    def slow(_: str) -> list[str]:
        threading.Event().wait(2)
        return ["127.0.0.1"]

    with answer_within(0.2), pytest.raises(TimeoutError):
        resolve_in_time(slow, "slow.example")


class Tried(DeadlineSocket):
    """Notes with which family and timeout each address is tried; none answers."""

    stopped_time: list[float]
    made: list[tuple[str, int, float | None]]

    def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override] # as it is called
        timeout = self.gettimeout()
        self.made.append((address[0], self.family, timeout))
        self.stopped_time[0] += timeout or 0
        raise TimeoutError("no answer")


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, stopped_time: list[float]) -> list[tuple[str, int, float | None]]:
    monkeypatch.setattr(Tried, "stopped_time", stopped_time, raising=False)
    monkeypatch.setattr(Tried, "made", [], raising=False)
    monkeypatch.setattr("shared.egress.deadline.DeadlineSocket", Tried)
    return Tried.made


def test_every_address_gets_the_same_share_of_the_time(tried: list[tuple[str, int, float | None]]) -> None:
    with answer_within(12), pytest.raises(TimeoutError, match="no answer"):
        connect_to_first(["192.0.2.1", "2001:db8::1", "192.0.2.3"], 443)
    assert tried == [
        ("192.0.2.1", socket.AF_INET, 4),
        ("2001:db8::1", socket.AF_INET6, 4),
        ("192.0.2.3", socket.AF_INET, 4),
    ]


def test_without_a_deadline_connecting_takes_as_long_as_it_takes(tried: list[tuple[str, int, float | None]]) -> None:
    with pytest.raises(TimeoutError):
        connect_to_first(["192.0.2.1"], 443)
    assert tried == [("192.0.2.1", socket.AF_INET, None)]


def test_a_name_without_addresses_cannot_be_connected_to() -> None:
    with pytest.raises(OSError, match=r"^the name has no address$"):
        connect_to_first([], 443)


def test_a_connection_sends_small_pieces_at_once() -> None:
    with serving(lambda _: None) as port, connect_to_first(["127.0.0.1"], port) as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_ordinary_way_to_connect_is_by_the_systems_addresses() -> None:
    with serving(lambda _: None) as port, dial_by_name("127.0.0.1", port) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_the_system_finds_each_address_once() -> None:
    assert system_resolver("127.0.0.1") == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "no-such-name.invalid"])
def test_a_name_that_the_system_cannot_look_up_has_no_address(host: str) -> None:
    with pytest.raises(socket.gaierror):
        system_resolver(host)


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
def test_a_text_that_cannot_be_a_name_is_unknown_in_so_many_words(host: str) -> None:
    with pytest.raises(socket.gaierror) as caught:
        system_resolver(host)
    assert (caught.value.errno, caught.value.strerror) == (socket.EAI_NONAME, "not a host name")


def test_a_look_up_gives_the_resolvers_addresses_or_its_error() -> None:
    def failing(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    assert resolve_in_time(lambda host: [f"{host}'s address"], "a.example") == ["a.example's address"]
    with pytest.raises(socket.gaierror, match="not known"):
        resolve_in_time(failing, "a.example")


def test_a_look_up_that_hangs_does_not_keep_the_process_from_ending() -> None:
    threads: list[threading.Thread] = []

    def noted(_: str) -> list[str]:
        threads.append(threading.current_thread())
        return []

    resolve_in_time(noted, "a.example")
    assert [thread.daemon for thread in threads] == [True]
