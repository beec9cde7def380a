"""Alerts, workbook and runbooks use only events that the app logs, miss no failure, and say what to do."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.infra.monitoring import (
    ALERTS,
    OPERATIONS,
    WORKBOOK,
    LogAlert,
    all_queries,
    documented_queries,
    log_alerts,
    logged_events,
    metric_alerts,
    minutes,
    runbooks,
    timers,
    workbook_queries,
)
from tests.infra.template import INFRA, REPOSITORY, property_value, text

SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "shared").rglob("*.py"))}
APP = (REPOSITORY / "function_app.py").read_text(encoding="utf-8")
QUERIES = all_queries()
LOG_EVENTS = logged_events()
# Lines of the Functions host itself that runbooks look for.
HOSTS_OWN = {"unable to start", "poll_pending_jobs", "Host lock lease", "0 functions"}


def events_of(query: str) -> set[str]:
    named = re.findall(r'message startswith "(\w+) "', query) + re.findall(r'^let eventName = "(\w+) ";', query, re.M)
    return set(named)


def fields_of(query: str) -> set[str]:
    return set(re.findall(r"\bd\.(\w+)", query))


def each_alert() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("alert", log_alerts().values(), ids=lambda alert: alert.name)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_uses_only_events_and_fields_that_the_app_logs(name: str) -> None:
    query = QUERIES[name]
    events = events_of(query)
    assert events <= set(LOG_EVENTS)
    assert fields_of(query) <= set().union(*(LOG_EVENTS[event] for event in events))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_for_a_line_in_words_names_a_line_that_the_app_writes(name: str) -> None:
    for words in re.findall(r'message startswith "([^"]* [^"]*[^ "])"', QUERIES[name]):
        assert any(words in source for source in SOURCES.values()), words


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_compares_an_outcome_or_a_state_with_a_known_one(name: str) -> None:
    known = {"ok", "failed", "lost", "expired", "succeeded", "cancelled", "delivered", "retry", "dead"}
    compared = re.findall(r'tostring\(d\.(?:outcome|state)\) (?:== "(\w+)"|in \(([^)]*)\))', QUERIES[name])
    values = {value for one, several in compared for value in [one, *re.findall(r'"(\w+)"', several)] if value}
    assert values <= known


def logged_by_the_app() -> Iterator[tuple[str, str, set[str]]]:
    """Each call of `log_event`: where it is, its event, and the fields that it names."""
    for path, source in SOURCES.items():
        if "log_event(" in source:
            for call in ast.walk(ast.parse(source)):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "log_event":
                    fields = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
                    yield f"{path.name}:{call.lineno}", ast.literal_eval(call.args[1]), fields - {"level"}


def test_the_operations_page_lists_every_event_and_field_that_the_app_logs() -> None:
    calls = list(logged_by_the_app())
    for where, event, fields in calls:
        assert event in LOG_EVENTS, where
        assert fields <= LOG_EVENTS[event], where
    assert {event for _, event, _ in calls} == set(LOG_EVENTS)


def test_an_alert_uses_every_query_file() -> None:
    used = set(
        re.findall(r"loadTextContent\('\.\./queries/([\w-]+)\.kql'\)", ALERTS.path.read_text(encoding="utf-8"))
    )
    assert used == {path.stem for path in (INFRA / "queries").glob("*.kql")}


def test_every_event_about_lost_work_raises_an_alert() -> None:
    """The exceptions concern a single job that stays pending, or an address that the caller is told about."""
    watched = set().union(*(events_of(alert.query) for alert in log_alerts().values()))
    without_alert = {"job_stalled", "job_poll_failed", "job_status_unknown", "webhook_address_refused"}
    assert set(LOG_EVENTS) - without_alert == watched


def test_every_timer_has_an_alert_for_silence_and_one_for_failure() -> None:
    declared = re.findall(r"@app\.timer_trigger\([^)]*\)\ndef (\w+)", APP)
    assert declared
    assert set(declared) - {"poll_pending_jobs"} <= {timer["function"] for timer in timers()}
    for timer in timers():
        assert timer["event"] in LOG_EVENTS
        assert "outcome" in LOG_EVENTS[timer["event"]]
        assert {timer["silentAlert"], timer["failingAlert"]} <= set(log_alerts())


@each_alert()
def test_an_alert_looks_back_further_than_its_last_run(alert: LogAlert) -> None:
    """Logs arrive late by minutes: with a window as long as the interval, a late line falls between two of them."""
    assert minutes(alert.window) >= minutes(alert.frequency) + 5


@each_alert()
def test_the_window_of_an_alert_covers_the_time_that_its_query_reads(alert: LogAlert) -> None:
    """Azure gives a query its window and no more; `silentAfter` needs older lines too, to know that the app ran."""
    for number, unit in re.findall(r"(?:ago\(|silentAfter = )(\d+)([mhd])", alert.query):
        asked = int(number) * {"m": 1, "h": 60, "d": 1440}[unit]
        assert minutes(alert.window) > asked


@each_alert()
def test_a_severe_alert_runs_every_five_minutes_and_any_other_less_often(alert: LogAlert) -> None:
    assert (minutes(alert.frequency) <= 5) == (alert.severity <= 1)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert set(runbooks()) == set(log_alerts()) | set(metric_alerts())


def test_the_table_of_alerts_fits_the_template() -> None:
    rows = re.findall(r"^\| \[([\w-]+)\]\(#([\w-]+)\) \| (\d) \| .* \| (\d+) (minutes|hour) \|$", OPERATIONS, re.M)
    said = {
        name: (int(severity), int(number) * (60 if unit == "hour" else 1))
        for name, anchor, severity, number, unit in rows
    }
    deployed = {name: (alert.severity, minutes(alert.frequency)) for name, alert in log_alerts().items()}
    for name, body in metric_alerts().items():
        frequency = text(property_value(body, "properties", "evaluationFrequency")).strip("'")
        deployed[name] = (int(text(property_value(body, "properties", "severity"))), minutes(frequency))
    assert said == deployed
    assert all(name == anchor for name, anchor, *_ in rows)


@pytest.mark.parametrize("name", runbooks())
def test_a_runbook_has_the_meaning_the_place_to_look_and_the_remedy(name: str) -> None:
    section = runbooks()[name]
    assert re.findall(r"^\*\*(.+?)\.\*\*", section, re.M) == ["What it means", "Where to look", "What to do"]
    assert "```" in section.partition("**Where to look.**")[2]


def commands() -> list[str]:
    return re.findall(r"^ *```sh\n(.*?)^ *```", OPERATIONS, re.M | re.S)


def test_every_variable_of_a_command_is_set_earlier_on_the_page() -> None:
    """Nothing is left to fill in as <name> either."""
    setup = OPERATIONS.partition("\n## Before you start\n")[2].partition("\n## ")[0]
    exported = set(re.findall(r"^export (\w+)=", setup, re.M))
    for block in commands():
        assert not re.search(r"<[a-z ]+>", block), block
        used = set(re.findall(r"\$\{?(\w+)", block))
        here = set(re.findall(r"^ *(?:export )?(\w+)=", block, re.M))
        # The steps of one runbook build on each other.
        earlier = set(re.findall(r"^ *(\w+)=", section_before(block), re.M))
        assert used <= exported | here | earlier, block


def section_before(block: str) -> str:
    """The text of a section above a block of commands."""
    return OPERATIONS.partition(block)[0].rpartition("\n### ")[2]


def test_a_post_has_a_body_and_an_admin_call_has_key_and_content_type() -> None:
    for block in commands():
        for call in re.split(r"^ *(?=curl )", block, flags=re.M)[1:]:
            if "-X POST" in call or "-X PATCH" in call:
                assert "--data" in call, call
            if "/admin/" in call:
                assert "content-type: application/json" in call
                assert "$MASTER_KEY" in call


def test_the_page_explains_how_to_stop_polling_and_start_again() -> None:
    for title in ("Stop polling", "Start again"):
        section = OPERATIONS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert "AzureWebJobs.poll_pending_jobs.Disabled" in section


def test_the_workbook_shows_jobs_polling_upstream_and_deliveries() -> None:
    events = set().union(*(events_of(query) for query in workbook_queries().values()))
    assert {"poll_cycle", "job_finished", "job_poll_failed", "delivery_attempt", "delivery_cycle"} <= events
    names = [item["name"] for item in WORKBOOK["items"]]
    assert len(names) == len(set(names))


def test_the_documentation_has_a_query_for_each_runbook() -> None:
    assert len(documented_queries()) >= len(runbooks())


def test_a_runbook_looks_for_known_lines_of_the_host_only() -> None:
    for query in documented_queries().values():
        for group in re.findall(r"has_any \(([^)]*)\)", query):
            assert set(re.findall(r'"([^"]*)"', group)) <= HOSTS_OWN
