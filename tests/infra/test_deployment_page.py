"""The deployment page: its table of parameters fits the template, and its arithmetic is right."""

import re

from tests.infra.monitoring import log_alerts, minutes
from tests.infra.roles import GRANTED_ROLES
from tests.infra.template import INFRA, REPOSITORY, main_template, parameters_file

PAGE = (REPOSITORY / "docs/deployment.md").read_text(encoding="utf-8")

TICKS_PER_MONTH = 60 * 24 * 30
WATCH_RUNS_PER_MONTH = 96 * 30
# What the page assumes: two seconds, and half a second for each page of a hundred offers.
WATCH_SECONDS = {0: 2.0, 1000: 7.0, 10_000: 50.0}
GIGABYTES_AT_512_MB = 0.5
FREE_GB_SECONDS = 100_000
FREE_EXECUTIONS = 250_000
DOLLARS_PER_GB_SECOND = 0.000026
HOST_STORAGE_DOLLARS = 0.62


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def parameter_rows() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", section("Parameters"), re.MULTILINE)
    return {name: (variable.strip(), default.strip()) for name, variable, default in rows}


def gb_seconds(poll_tick_seconds: float, *, offers: int, gigabytes: float = GIGABYTES_AT_512_MB) -> float:
    """All timers in a month; a tick of `deliver_webhooks` is billed the least, a second."""
    ticks = TICKS_PER_MONTH * (poll_tick_seconds + 1)
    return (ticks + WATCH_RUNS_PER_MONTH * WATCH_SECONDS[offers]) * gigabytes


def dollars_for_alerts() -> float:
    """By default: $1.50 for a rule that runs every 5 minutes, $0.50 for a slower one, $0.10 for a metric."""
    by_default = [alert for alert in log_alerts().values() if alert.name != "credential-expiring"]
    often = sum(minutes(alert.frequency) <= 5 for alert in by_default)
    return often * 1.50 + (len(by_default) - often) * 0.50 + 0.10


def test_every_optional_part_has_its_price() -> None:
    """An optional part is off by default and can be switched on."""
    parts = re.findall(r"^\| ([^|]*)\|", section("The optional parts"), re.MULTILINE)
    priced = set(re.findall(r"`(\w+)`", "".join(parts)))
    switches = {name for name, (_, default) in parameter_rows().items() if default == "false"}
    assert switches | {"alwaysReadyInstances", "instanceMemoryMB"} <= priced


def test_the_page_names_exactly_the_parameters_of_the_template() -> None:
    assert list(parameter_rows()) == list(main_template().parameters)


def test_the_page_names_the_variable_that_azd_fills_a_parameter_from() -> None:
    filled = {name: re.findall(r"[A-Z_]{3,}", value)[0] for name, value in parameters_file().items()}
    for name, (variable, _) in parameter_rows().items():
        assert variable == (f"`{filled[name]}`" if name in filled else "in the parameter file"), name


def test_the_page_names_the_defaults_that_azd_takes() -> None:
    for name, value in parameters_file().items():
        default = re.fullmatch(r"\$\{[A-Z_]+=(.*)\}", value)
        if default:
            assert parameter_rows()[name][1].strip("`") == default[1], name


def test_the_page_calls_a_parameter_required_that_has_no_default() -> None:
    required = {name for name, (_, default) in parameter_rows().items() if default == "required"}
    assert required == {name for name, param in main_template().parameters.items() if not param.has_default}


def test_the_page_names_the_roles_that_the_app_gets() -> None:
    table = re.findall(r"^\| ([A-Z][\w ]+) \| the storage|^\| ([A-Z][\w ]+) \| (?:App|the key)", PAGE, re.MULTILINE)
    assert {first or second for first, second in table} == set(GRANTED_ROLES)


def test_a_hundred_pending_jobs_and_a_thousand_offers_stay_inside_the_free_grant() -> None:
    assert 2 * TICKS_PER_MONTH + WATCH_RUNS_PER_MONTH == 89_280 < FREE_EXECUTIONS
    assert gb_seconds(3.0, offers=1000) == 96_480 < FREE_GB_SECONDS


def test_the_arithmetic_of_the_page_is_right() -> None:
    usual = gb_seconds(3.0, offers=1000)
    most = gb_seconds(50, offers=10_000)
    beyond = most - FREE_GB_SECONDS
    spare = FREE_GB_SECONDS - usual
    large = (gb_seconds(3.0, offers=1000, gigabytes=2) - FREE_GB_SECONDS) * DOLLARS_PER_GB_SECOND
    without_watch = TICKS_PER_MONTH * 4 * GIGABYTES_AT_512_MB
    seconds_free = (FREE_GB_SECONDS - without_watch) / (WATCH_RUNS_PER_MONTH * GIGABYTES_AT_512_MB)
    small_pages = without_watch + WATCH_RUNS_PER_MONTH * (2 + 40 * 0.5) * GIGABYTES_AT_512_MB - FREE_GB_SECONDS
    probes = TICKS_PER_MONTH * GIGABYTES_AT_512_MB
    transactions = 302 * TICKS_PER_MONTH + 150 * WATCH_RUNS_PER_MONTH
    storage = transactions / 10_000 * 0.00036
    compute = beyond * DOLLARS_PER_GB_SECOND
    alerts = dollars_for_alerts()
    for figure in (
        f"{gb_seconds(1, offers=0):,.0f} GB-s",
        f"{usual:,.0f} GB-s",
        f"{most:,.0f} GB-s",
        f"{beyond:,.0f} \u00d7 $0.000026 = **${compute:.2f}**",
        f"${large:.2f}",
        f"runs of {seconds_free:.1f} s",
        f"= ${small_pages * DOLLARS_PER_GB_SECOND:.2f} a month",
        f"{spare:,.0f} GB-s to spare",
        f"{spare / GIGABYTES_AT_512_MB:,.0f} requests",
        f"= ${(probes - spare) * DOLLARS_PER_GB_SECOND:.2f};",
        f"it takes {probes / 5:,.0f}, ${(probes / 5 - spare) * DOLLARS_PER_GB_SECOND:.2f}.",
        f"= {transactions:,} | ${storage:.2f}",
        f"{7 * TICKS_PER_MONTH + 20 * WATCH_RUNS_PER_MONTH:,}",
        f"${alerts:.2f}",
        f"${storage + HOST_STORAGE_DOLLARS:.2f}",
        f"${compute + storage + HOST_STORAGE_DOLLARS + alerts:.2f}",
    ):
        assert figure in section("What it costs"), figure


def test_every_script_file_and_section_that_the_page_points_to_exists() -> None:
    for path in re.findall(r"(?:\./)?(infra/[\w./-]+\.\w+)", PAGE):
        assert (REPOSITORY / path).exists(), path
    headings = re.findall(r"^#{2,3} (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    operations = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
    assert set(re.findall(r"deployment\.md#([\w-]+)", operations)) <= anchors


def test_the_page_names_every_module() -> None:
    modules = {path.stem for path in (INFRA / "modules").glob("*.bicep")}
    assert modules <= set(re.findall(r"`([\w-]+)`", section("What is deployed")))
