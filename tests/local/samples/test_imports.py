"""What of the local part knows the app."""

import ast

from local.processes.child import REPOSITORY


def test_only_the_past_imports_the_app() -> None:
    importing = set()
    for path in (REPOSITORY / "local").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if any(module.partition(".")[0] in {"shared", "function_app"} for module in modules):
                importing.add(path.relative_to(REPOSITORY).as_posix())
    assert importing == {"local/samples/past.py"}
