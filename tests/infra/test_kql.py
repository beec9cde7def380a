"""Every query, of alerts, workbook and documentation, is KQL: Microsoft's language service finds no fault with it."""

import functools

import pytest

from tests.infra.kql.language_service import Verdict, judge
from tests.infra.monitoring import all_queries, log_alerts

QUERIES = all_queries()


@functools.cache
def verdicts() -> dict[str, Verdict]:
    return judge(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_kql(name: str) -> None:
    assert verdicts()[name].faults == []


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_makes_up_no_name_that_is_a_word_of_kql(name: str) -> None:
    assert verdicts()[name].names == []


@pytest.mark.parametrize("name", log_alerts())
def test_the_query_of_an_alert_returns_rows(name: str) -> None:
    assert verdicts()[f"alert {name}"].columns


FAULTY = {
    "traces | summarize cycles = count()": "cycles",
    "traces | extend last = 1": "last",
    "traces | extend kind = 1": "kind",
    "traces | where mesage startswith 'x'": "mesage",
    "traces | where timestamp > ago(1h) and": "Missing expression",
    "exceptionz | count": "exceptionz",
    "traces | where tounknown(message) == 1": "tounknown",
    "traces | summarise count()": "Query operator expected",
}
WORDS = ("set", "to", "by", "last", "kind", "cycles")


@functools.cache
def seeded_verdicts() -> dict[str, Verdict]:
    queries = [*FAULTY, *(f"traces | extend {word} = 1" for word in WORDS)]
    return judge({query: query for query in queries})


@pytest.mark.parametrize("query", FAULTY)
def test_a_fault_is_seen(query: str) -> None:
    faults = seeded_verdicts()[query].faults
    assert any(FAULTY[query] in fault for fault in faults), faults


@pytest.mark.parametrize("word", WORDS)
def test_a_name_that_is_a_word_of_kql_is_seen(word: str) -> None:
    assert seeded_verdicts()[f"traces | extend {word} = 1"].names == [word]
