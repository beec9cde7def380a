"""The deployment page: its table of parameters fits the template, and its arithmetic is right."""

import re

from tests.infra.monitoring import log_alerts, minutes
from tests.infra.roles import GRANTED_ROLES
from tests.infra.template import INFRA, REPOSITORY, main_template, parameters_file

PAGE = (REPOSITORY / "docs/deployment.md").read_text(encoding="utf-8")

TICKS_PER_MONTH = 60 * 24 * 30
GIGABYTES_AT_512_MB = 0.5
FREE_GB_SECONDS = 100_000
FREE_EXECUTIONS = 250_000
DOLLARS_PER_GB_SECOND = 0.000026
HOST_STORAGE_DOLLARS = 0.60


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def parameter_rows() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", section("Parameters"), re.MULTILINE)
    return {name: (variable.strip(), default.strip()) for name, variable, default in rows}


def gb_seconds(poll_tick_seconds: float, gigabytes: float = GIGABYTES_AT_512_MB) -> float:
    """Both timers in a month; the other one's tick is billed the least, a second."""
    return TICKS_PER_MONTH * (poll_tick_seconds + 1) * gigabytes


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


def test_a_hundred_pending_jobs_stay_inside_the_free_grant() -> None:
    assert 2 * TICKS_PER_MONTH == 86_400 < FREE_EXECUTIONS
    assert gb_seconds(3.0) == 86_400 < FREE_GB_SECONDS


def test_the_arithmetic_of_the_page_is_right() -> None:
    beyond = gb_seconds(50) - FREE_GB_SECONDS
    large = (gb_seconds(3.0, gigabytes=2) - FREE_GB_SECONDS) * DOLLARS_PER_GB_SECOND
    spare = FREE_GB_SECONDS - gb_seconds(3.0)
    compute = beyond * DOLLARS_PER_GB_SECOND
    alerts = dollars_for_alerts()
    for figure in (
        f"{gb_seconds(1):,.0f} GB-s",
        f"{gb_seconds(3.0):,.0f} GB-s",
        f"{gb_seconds(50):,.0f} GB-s",
        f"{beyond:,.0f} \u00d7 $0.000026 = **${compute:.2f}**",
        f"${large:.2f}",
        f"{spare:,.0f} GB-s to spare",
        f"{spare / GIGABYTES_AT_512_MB:,.0f} requests",
        f"{302 * TICKS_PER_MONTH:,}",
        f"${302 * TICKS_PER_MONTH / 10_000 * 0.00036:.2f}",
        f"${alerts:.2f}",
        f"${compute + 0.47 + HOST_STORAGE_DOLLARS + alerts:.2f}",
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
