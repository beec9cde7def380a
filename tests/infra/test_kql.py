"""Microsoft's language service finds no fault with any query of the alerts, the workbook and the documentation."""

import pytest

from tests.infra.kql.language_service import Verdict, judge
from tests.infra.monitoring import all_queries, log_alerts

QUERIES = all_queries()
# Queries with a fault, and a part of what the language service says about each.
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
NAMED_BY_A_WORD_OF_KQL = {
    f"traces | extend {word} = 1": word for word in ("set", "to", "by", "last", "kind", "cycles")
}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """Every query's verdict, from one run: loading the language service takes seconds."""
    return judge(QUERIES | {query: query for query in (*FAULTY, *NAMED_BY_A_WORD_OF_KQL)})


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_valid_kql(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name].faults == []


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_no_column_a_name_that_kql_reserves(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name].names == []


@pytest.mark.parametrize("name", log_alerts())
def test_the_query_of_an_alert_returns_columns(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[f"alert {name}"].columns


@pytest.mark.parametrize("query", FAULTY)
def test_the_language_service_finds_a_fault(verdicts: dict[str, Verdict], query: str) -> None:
    faults = verdicts[query].faults
    assert any(FAULTY[query] in fault for fault in faults), faults


@pytest.mark.parametrize("query", NAMED_BY_A_WORD_OF_KQL)
def test_the_language_service_finds_a_reserved_name(verdicts: dict[str, Verdict], query: str) -> None:
    assert verdicts[query].names == [NAMED_BY_A_WORD_OF_KQL[query]]
