"""The architecture: packages import each other without a cycle, and each border has one module that crosses it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import function_app
from tests.declared_functions import declared_functions

REPOSITORY = Path(function_app.__file__).parent
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [REPOSITORY / "function_app.py", *sorted((REPOSITORY / "shared").rglob("*.py"))]
}
LONGEST_MODULE_LINES = 300
# function_app is the only longer module: a few lines for each function, and what they share.
MOST_LINES_PER_FUNCTION = 10
MOST_LINES_SHARED_BY_FUNCTIONS = 80


def _imports(path: Path) -> set[str]:
    """Every module that this one imports, wherever in it, those included that only type checkers see."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {module for module in found if module in MODULES or not module.startswith("shared")}


def _reads_environment(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(names & {"environ", "getenv", "environb", "putenv"}) or "os.environ" in _imports(path)


def _packages() -> dict[str, set[str]]:
    """The folders and top-level modules of shared/, each with those that it imports."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        if module.startswith("shared."):
            imported = {other.split(".")[1] for other in _imports(path) if other.startswith("shared.")}
            package = module.split(".")[1]
            graph.setdefault(package, set()).update(imported - {package})
    return graph


def test_the_packages_import_each_other_without_a_cycle() -> None:
    TopologicalSorter(_packages()).prepare()


def test_the_modules_of_a_package_import_each_other_without_a_cycle() -> None:
    graph = {module: _imports(path) & MODULES.keys() - {module} for module, path in MODULES.items()}
    TopologicalSorter(graph).prepare()


def test_only_function_app_knows_azure_functions() -> None:
    knowing = {
        module for module, path in MODULES.items() if any("azure.functions" in name for name in _imports(path))
    }
    assert knowing == {"function_app"}


def test_only_settings_reads_the_environment() -> None:
    assert {module for module, path in MODULES.items() if _reads_environment(path)} == {"shared.settings"}


def test_only_storage_opens_tables_and_only_the_two_clients_sign_in() -> None:
    allowed = {
        "azure.data.tables": {"shared.storage.table"},
        "azure.identity": {"shared.storage.table", "shared.upstream.tokens"},
    }
    for package, borders in allowed.items():
        knowing = {module for module, path in MODULES.items() if any(package in name for name in _imports(path))}
        assert knowing <= borders, package


def test_the_app_imports_nothing_of_the_local_part() -> None:
    assert not any(
        name.split(".")[0] in {"bench", "local", "sandbox", "tests"}
        for path in MODULES.values()
        for name in _imports(path)
    )


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"function_app"}))
def test_no_module_is_longer_than_a_few_screens(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= LONGEST_MODULE_LINES


def test_the_table_of_contents_has_a_few_lines_for_each_function() -> None:
    lines = len((REPOSITORY / "function_app.py").read_text().splitlines())
    assert lines <= MOST_LINES_PER_FUNCTION * len(declared_functions()) + MOST_LINES_SHARED_BY_FUNCTIONS


def test_nothing_is_named_after_being_useful() -> None:
    names = {part for module in MODULES for part in module.split(".")}
    assert not names & {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "base"}
