"""The alerts and queries as they are deployed: rules with their text put together, queries of workbook and docs."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tree_sitter import Node

from tests.infra.template import INFRA, REPOSITORY, Template, body_of, literal, properties, property_value, text

ALERTS = Template(INFRA / "modules/alerts.bicep")
OPERATIONS = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))

# The values of parameters in the text of a rule.
_EXAMPLES = {"credentialExpiresOn": "2027-06-30"}

type Facts = dict[str, str]


@dataclass(frozen=True)
class LogAlert:
    """One rule over logs. Durations are ISO 8601's, as Azure takes them."""

    name: str
    description: str
    severity: int
    query: str
    window: str
    frequency: str


def timers() -> list[Facts]:
    """The timers that alerts.bicep watches, member by member."""
    (array,) = (node for node in ALERTS.variables["timers"].named_children if node.type == "array")
    return [_facts(item, {}) for item in array.named_children if item.type == "object"]


@cache
def log_alerts() -> dict[str, LogAlert]:
    """Every rule that alerts.bicep can make, the optional one included."""
    rules = [
        *_listed("eventAlerts"),
        *_for_each_timer("silentAlerts"),
        *_for_each_timer("failingAlerts"),
        *_listed("expiryAlerts"),
    ]
    return {
        rule["name"]: LogAlert(
            rule["name"],
            rule["description"],
            int(rule["severity"]),
            rule["query"],
            rule["windowSize"],
            rule["evaluationFrequency"],
        )
        for rule in rules
    }


def metric_alerts() -> dict[str, Node]:
    """Every metric alert of any module: its name without the prefix, and its object."""
    found = {}
    for path in sorted((INFRA / "modules").glob("*.bicep")):
        for resource in Template(path).resources:
            if resource.type == "Microsoft.Insights/metricAlerts":
                name = text(property_value(body_of(resource.node), "name"))
                found[re.sub(r"^'\$\{namePrefix\}-|'$", "", name)] = body_of(resource.node)
    return found


def workbook_queries() -> dict[str, str]:
    """The workbook's queries by item, with five minutes in place of the chosen time."""
    return {
        item["name"]: item["content"]["query"].replace("{TimeRange:grain}", "5m")
        for item in WORKBOOK["items"]
        if item["type"] == 3
    }


def documented_queries() -> dict[str, str]:
    """Every block of KQL in the documentation, by page and number."""
    found = {}
    for page in sorted((REPOSITORY / "docs").glob("*.md")):
        for number, query in enumerate(
            re.findall(r"^```kusto\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S), 1
        ):
            found[f"{page.name} {number}"] = query
    return found


def logged_events() -> dict[str, set[str]]:
    """The events of the page's table, each with its fields."""
    table = OPERATIONS.partition("\n## What the app logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", table, re.MULTILINE)
    return {event: set(re.findall(r"`(\w+)`", fields)) for event, fields in rows}


def all_queries() -> dict[str, str]:
    return (
        {f"alert {name}": alert.query for name, alert in log_alerts().items()}
        | {f"workbook {name}": query for name, query in workbook_queries().items()}
        | documented_queries()
    )


def runbooks() -> dict[str, str]:
    """The sections below "Runbooks" in docs/operations.md."""
    sections = OPERATIONS.partition("\n## Runbooks\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", sections, re.MULTILINE | re.DOTALL))


def minutes(duration: str) -> int:
    """An ISO 8601 duration as Azure uses them: PT30M, PT1H, P1D."""
    number, unit = re.findall(r"^P?T?(\d+)([MHD])$", duration)[0]
    return int(number) * {"M": 1, "H": 60, "D": 1440}[unit]


def _listed(variable: str) -> Iterator[Facts]:
    for node in _walk_objects(ALERTS.variables[variable]):
        yield _facts(node, {})


def _for_each_timer(variable: str) -> Iterator[Facts]:
    (template,) = _walk_objects(ALERTS.variables[variable])
    for timer in timers():
        yield _facts(template, timer)


def _walk_objects(node: Node) -> Iterator[Node]:
    if node.type == "object":
        if node.named_children:
            yield node
        return
    for child in node.named_children:
        yield from _walk_objects(child)


def _facts(node: Node, timer: Facts) -> Facts:
    return {name: _value(value, timer) for name, value in properties(node).items()}


def _value(node: Node, timer: Facts) -> str:
    """The text that an expression of alerts.bicep becomes."""
    match node.type:
        case "string":
            return "".join(_part(child, timer) for child in node.named_children)
        case "member_expression":
            return timer[text(node.named_children[1])]
        case "identifier" if text(node) in _EXAMPLES:
            return _EXAMPLES[text(node)]
        case "identifier":
            return _value(ALERTS.variables[text(node)].named_children[-1], timer)
        case "call_expression" if text(node.named_children[0]) == "loadTextContent":
            file = literal(node.named_children[1].named_children[0])
            return (ALERTS.path.parent / file).read_text(encoding="utf-8")
        case "number":
            return text(node)
        case kind:
            raise AssertionError(f"alerts.bicep has an expression that this cannot read: {kind}, {text(node)}")


def _part(node: Node, timer: Facts) -> str:
    if node.type == "interpolation":
        return _value(node.named_children[0], timer)
    if node.type == "escape_sequence":
        return {"\\n": "\n", "\\'": "'", "\\\\": "\\"}[text(node)]
    return text(node)
