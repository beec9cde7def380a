"""Alerts and workbook ask for what the app logs, and every alert has its runbook."""

import ast
import json
import re

import pytest

from tests.infra.log_events import LOG_EVENTS
from tests.infra.template import INFRA, REPOSITORY, Template, body_of, literal, properties, property_value, text

ALERTS = Template(INFRA / "modules/alerts.bicep")
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((INFRA / "queries").glob("*.kql"))}
WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))
WORKBOOK_QUERIES = {item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if item["type"] == 3}
OPERATIONS = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")

# What the product promises to tell of.
REQUIRED_ALERTS = {
    "no-poll-cycle",
    "credential-refused",
    "jobs-failing",
    "jobs-overdue",
    "deliveries-dead",
    "server-errors",
}


def log_alerts() -> dict[str, dict[str, str]]:
    """The rules of the variable `logAlerts` by name."""
    array = next(node for node in ALERTS.variables["logAlerts"].named_children if node.type == "array")
    rules = [{key: literal(value) for key, value in properties(item).items()} for item in array.named_children]
    return {rule["name"]: rule for rule in rules if rule}


def metric_alerts() -> dict[str, str]:
    """The metric alerts: name without the prefix, and their text."""
    found = {}
    for resource in ALERTS.resources:
        if resource.type == "Microsoft.Insights/metricAlerts":
            name = text(property_value(body_of(resource.node), "name"))
            found[re.sub(r"^'\$\{namePrefix\}-|'$", "", name)] = text(resource.node)
    return found


def runbook_sections() -> dict[str, str]:
    """The sections below "Runbooks" in docs/operations.md."""
    runbooks = OPERATIONS.partition("\n## Runbooks\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", runbooks, re.MULTILINE | re.DOTALL))


def statement(query: str) -> str:
    return "\n".join(line for line in query.splitlines() if not line.startswith("//"))


def events_of(query: str) -> list[str]:
    return re.findall(r'message startswith "(\w+) "', query)


ALL_QUERIES = {f"alert {name}": query for name, query in QUERIES.items()} | {
    f"workbook {name}": query for name, query in WORKBOOK_QUERIES.items()
}
LOG_QUERIES = {name: query for name, query in ALL_QUERIES.items() if statement(query).startswith("traces")}


def test_every_alert_that_was_promised_exists() -> None:
    assert set(log_alerts()) | set(metric_alerts()) >= REQUIRED_ALERTS
    assert metric_alerts()


def test_every_log_alert_runs_the_query_of_its_name_and_every_query_is_run() -> None:
    assert {name: rule["query"] for name, rule in log_alerts().items()} == {
        name: f"loadTextContent('../queries/{name}.kql')" for name in QUERIES
    }


@pytest.mark.parametrize("name", ALL_QUERIES)
def test_a_query_reads_traces_or_requests(name: str) -> None:
    assert re.match(r"(traces|requests)\n\| ", statement(ALL_QUERIES[name]))


@pytest.mark.parametrize("name", LOG_QUERIES)
def test_a_query_asks_for_one_event_that_the_app_logs(name: str) -> None:
    (event,) = events_of(LOG_QUERIES[name])
    assert event in LOG_EVENTS


@pytest.mark.parametrize("name", LOG_QUERIES)
def test_a_query_asks_only_for_fields_that_its_event_has(name: str) -> None:
    query = LOG_QUERIES[name]
    (event,) = events_of(query)
    fields = set(re.findall(r"\bd\.(\w+)", query))
    assert fields <= LOG_EVENTS[event]
    if fields:
        assert '| parse message with event " " body\n| extend d = parse_json(body)\n' in query


@pytest.mark.parametrize("name", LOG_QUERIES)
def test_a_query_compares_only_with_values_that_the_app_logs(name: str) -> None:
    known = {"ok", "failed", "lost", "expired", "succeeded", "cancelled", "delivered", "retry", "dead"}
    query = LOG_QUERIES[name]
    values = set(re.findall(r'== "(\w+)"', query))
    for group in re.findall(r" in \(([^)]*)\)", query):
        values |= set(re.findall(r'"(\w+)"', group))
    assert values <= known


@pytest.mark.parametrize("name", ALL_QUERIES)
def test_a_query_is_balanced(name: str) -> None:
    query = ALL_QUERIES[name]
    assert query.count('"') % 2 == 0
    bare = re.sub(r'"[^"]*"', "", query)
    for opening, closing in ("()", "[]", "{}"):
        assert bare.count(opening) == bare.count(closing)
    for line in statement(query).splitlines()[1:]:
        assert line.startswith("| "), line


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert set(runbook_sections()) == set(log_alerts()) | set(metric_alerts())


@pytest.mark.parametrize("name", runbook_sections())
def test_a_runbook_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    section = runbook_sections()[name]
    for part in ("**What it means.**", "**Where to look.**", "**What to do.**"):
        assert part in section
    assert "```kusto" in section or name == "storage-unavailable"


@pytest.mark.parametrize("query", re.findall(r"```kusto\n(.*?)```", OPERATIONS, re.DOTALL))
def test_a_query_in_a_runbook_asks_for_what_the_app_logs(query: str) -> None:
    events = events_of(query)
    known = set().union(*(LOG_EVENTS[event] for event in events)) if events else set()
    assert set(re.findall(r"\bd\.(\w+)", query)) <= known


def test_the_operations_page_lists_every_event_with_every_field() -> None:
    log_table = OPERATIONS.partition("\n## What the app logs\n")[2].partition("\n## ")[0]
    rows = {
        event: set(re.findall(r"`(\w+)`", rest))
        for event, rest in re.findall(r"^\| `(\w+)` \|(.*)$", log_table, re.M)
    }
    assert set(rows) == set(LOG_EVENTS)
    for event, fields in LOG_EVENTS.items():
        assert fields <= rows[event], event


def test_the_app_logs_no_event_that_is_not_listed() -> None:
    for path in sorted((REPOSITORY / "shared").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "log_event":
                where = f"{path.name}:{call.lineno}: list it in tests/infra/log_events.py and docs/operations.md"
                event = ast.literal_eval(call.args[1])
                fields = {keyword.arg for keyword in call.keywords if keyword.arg not in {None, "level"}}
                assert event in LOG_EVENTS, where
                assert fields <= LOG_EVENTS[event], where


def test_a_critical_alert_runs_often_and_the_others_cheaply() -> None:
    for rule in log_alerts().values():
        assert rule["evaluationFrequency"] == ("PT5M" if int(rule["severity"]) <= 1 else "PT15M")


def test_the_workbook_shows_what_was_promised() -> None:
    assert {
        "jobs-by-state",
        "jobs-time-to-completion",
        "poll-duration",
        "upstream-latency",
        "upstream-errors",
        "delivery-success",
    } <= set(WORKBOOK_QUERIES)
    names = [item["name"] for item in WORKBOOK["items"]]
    assert len(names) == len(set(names))
