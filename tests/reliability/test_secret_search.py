"""The search for secrets finds what is planted in doctored evidence, and its marks are what the app takes."""

import base64
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest

from shared.webhooks.signing import SECRET_PREFIX, secret_faults
from tests.reliability.marked import marks
from tests.reliability.marked.evidence import EvidenceFile, Record, records_in
from tests.reliability.marked.places import KINDS
from tests.reliability.marked.search import Hit, Search
from tests.reliability.marked.verdict import SECRETS, judge
from tests.reliability.marked.wire import rows_in

NOTED = 'Bearer n0ted/"value"+<x>&=='
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in lower case": str.lower,
    "in upper case": str.upper,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in JSON": json.dumps,
    "in JSON as .NET writes it": lambda text: re.sub('["+<>&]', lambda each: f"\\u{ord(each[0]):04X}", text),
    "in JSON with every sign escaped": lambda text: re.sub(r"[^\w ]", lambda each: f"\\u{ord(each[0]):04x}", text),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "in HTML": html.escape,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 behind one byte": lambda text: base64.b64encode(b"x" + text.encode() + b"yz").decode(),
    "in base64 behind two bytes": lambda text: base64.b64encode(b"xy" + text.encode() + b"z").decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(b"??" + text.encode()).decode(),
    "in hexadecimal digits": lambda text: text.encode().hex(),
    "as bytes of Python": lambda text: repr(text.encode()),
}
GOOD = [
    Record("role", "sandbox", {"port": "7443"}),
    Record("known", "own header", {"value": NOTED, "to": "7072"}),
    Record("log", "offer_monitor.poller", {"line": "poll_cycle {}"}),
    Record("answer", "WebhookHandlers.register 201", {"member secret": marks.fixed_mark("webhook secret")}),
    Record(
        "row", "endpoints/endpoint", {"headers": json.dumps({"x": NOTED}), "url": marks.fixed_mark("endpoint URL")}
    ),
    Record("webhook", "POST", {"header authorization": NOTED, "body": "{}"}, port=7072),
    Record("upstream request", "API request", {"header authorization": marks.fixed_mark("access token")}, port=7443),
    Record("setting", "PARTNER_CENTER_CLIENT_SECRET", {"value": marks.fixed_mark("client secret")}),
]


def faults(*records: Record) -> list[str]:
    return judge([*GOOD, *records]).faults(whole_suite=False)


def test_secrets_in_their_places_are_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("secret", marks.KINDS)
def test_a_mark_is_found_in_every_form_and_says_its_kind(secret: str, form: Callable[[str], str]) -> None:
    texts = ["nothing", f"before {form(f'x={marks.new_mark(secret)} y')} after", "nothing"]
    assert [(hit.position, hit.secret) for hit in Search({}).hits(texts)] == [(1, secret)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_noted_value_is_found_in_every_form(form: Callable[[str], str]) -> None:
    texts = ["nothing", f"before {form(NOTED)} after"]
    assert list(Search({NOTED: "own header"}).hits(texts)) == [Hit(1, "own header", NOTED)]


def test_half_a_mark_is_found_too() -> None:
    [hit] = Search({}).hits([marks.new_mark("storage key")[: len(marks.CORE) + 1]])
    assert hit.secret == marks.UNREADABLE.kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secret", marks.KINDS)
def test_a_secret_in_any_kind_of_evidence_is_one_fault(secret: str, kind: str) -> None:
    planted = Record(kind, "planted", {"place": f"see {marks.new_mark(secret)}"}, test="tests/test_it.py::test_it")
    assert faults(planted) == [f"{secret} in {kind}: planted > place (tests/test_it.py::test_it)"]


@pytest.mark.parametrize(
    "bad",
    [
        Record(
            "upstream request", "API request", {"header authorization": marks.fixed_mark("access token")}, port=443
        ),
        Record("upstream request", "API request", {"target": marks.fixed_mark("access token")}, port=7443),
        Record("upstream request", "token request", {"body": marks.fixed_mark("client secret")}, port=443),
        Record("webhook", "POST", {"header authorization": NOTED}, port=7073),
        Record("webhook", "POST", {"header x-own": marks.new_mark("own header", port=7072)}, port=7073),
        Record("webhook", "POST", {"header webhook-id": NOTED}, port=7072),
        Record("webhook", "POST", {"body": marks.new_mark("endpoint URL", port=7072)}, port=7072),
        Record("row", "endpoints/endpoint", {"description": NOTED}),
        Record("row", "deliveries/wh", {"part0": base64.b64encode(b"sig=sandbox-1f").decode()}),
        Record("answer", "WebhookHandlers.register 201", {"body": marks.new_mark("webhook secret")}),
        Record("answer", "WebhookHandlers.read 200", {"member secret": marks.new_mark("webhook secret")}),
        Record("answer", "JobHandlers.read problem", {"body": "https://a.example/?sig=SECRETSIG"}),
        Record("setting", "JOBS_TABLE", {"value": marks.fixed_mark("client secret")}),
    ],
    ids=lambda bad: f"{bad.about} > {next(iter(bad.parts))}",
)
def test_a_secret_beside_its_place_or_sent_to_another_host_is_a_fault(bad: Record) -> None:
    assert len(faults(bad)) == 1


def test_a_secret_that_was_never_used_and_an_allowance_that_nothing_needs_are_faults() -> None:
    found = judge(GOOD).faults()
    assert "no error was searched" in found
    assert "the storage key was never seen in its place" in found
    assert "an allowance that nothing needs: the setting for the URL" in found
    assert not any("client secret was never" in fault for fault in found)


def test_a_marked_webhook_secret_can_sign() -> None:
    secret = SECRET_PREFIX + base64.b64encode(marks.webhook_secret_bytes(32)).decode()
    assert secret_faults(secret) == []
    assert marks.mark_in(secret) is not None


def test_each_part_of_a_marked_token_is_found() -> None:
    token = marks.marked_token(jwt.encode({"aud": "x"}, "k" * 32, algorithm="HS256"))
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "x"
    assert [hit.secret for hit in Search({}).hits(token.split("."))] == ["access token"] * 3


def test_every_row_of_a_transaction_is_read_with_its_table() -> None:
    body = "\r\n".join(
        (
            "--changeset",
            "PUT http://127.0.0.1:1/devstoreaccount1/appwebhooks(PartitionKey='endpoint',RowKey='wh_1') HTTP/1.1",
            "",
            '{"PartitionKey": "endpoint", "RowKey": "wh_1", "secret": "x", "secret@odata.type": "Edm.String"}',
            "POST http://127.0.0.1:1/devstoreaccount1/app HTTP/1.1",
            "",
            '{"PartitionKey": "pending", "pollCount": 1}',
        )
    )
    assert list(rows_in("/devstoreaccount1/$batch", body)) == [
        ("endpoints/endpoint", {"PartitionKey": "endpoint", "RowKey": "wh_1", "secret": "x"}),
        ("jobs/pending", {"PartitionKey": "pending", "pollCount": "1"}),
    ]


def test_what_a_killed_process_wrote_is_read_without_its_last_half_line(tmp_path: Path) -> None:
    evidence = EvidenceFile(tmp_path)
    for _ in range(2):
        evidence.add("log", "offer_monitor", {"line": "a line", "nothing": ""})
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b'["log", "offer_mon')
    assert list(records_in(tmp_path)) == [Record("log", "offer_monitor", {"line": "a line"})]


def test_the_kinds_of_secrets_are_those_that_the_verdict_asks_for() -> None:
    assert set(SECRETS) == {*marks.KINDS, *marks.NOTED}
    assert set(marks.CONSTANTS.values()) <= set(SECRETS)
