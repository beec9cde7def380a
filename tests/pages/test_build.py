"""pages/build.mjs: names files by their content, says what is missing, and gives the same bytes each time."""

import gzip
import hashlib
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.pages.building import REPOSITORY, build

VIEWER = "node_modules/swagger-ui-dist"
DEPENDENCIES = json.loads((REPOSITORY / "package.json").read_text(encoding="utf-8"))["dependencies"]
VERSION = DEPENDENCIES["swagger-ui-dist"]
# The dashboard is bundled for real.
BUNDLED = ("preact", "openapi-fetch")
MAIN = "pages/dashboard/main.tsx"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the real sources of the pages, the dashboard's packages, and a viewer of a few bytes."""
    shutil.copytree(REPOSITORY / "pages", tmp_path / "pages")
    shutil.copy(REPOSITORY / "package.json", tmp_path)
    (tmp_path / VIEWER).mkdir(parents=True)
    texts = {
        "package.json": json.dumps({"version": VERSION, "license": "Apache-2.0"}),
        "swagger-ui.css": "p {}",
        "swagger-ui-bundle.js": "let SwaggerUIBundle;",
        "LICENSE": "the licence",
        "NOTICE": "the notice",
        "swagger-ui-bundle.js.LICENSE.txt": "other licences",
    }
    for name, text in texts.items():
        (tmp_path / VIEWER / name).write_text(text, encoding="utf-8")
    for name in ("esbuild", *BUNDLED):
        (tmp_path / "node_modules" / name).symlink_to(REPOSITORY / "node_modules" / name)
    return tmp_path


def built(root: Path) -> dict[str, bytes]:
    """Every file of the built folder."""
    return {path.name: path.read_bytes() for path in (root / "shared/pages/built").iterdir()}


def licences_of(root: Path, page: str) -> str:
    files = manifest(root)["files"]
    (name,) = (entry["file"] for path, entry in files.items() if path.startswith(f"{page}/licenses-"))
    return gzip.decompress(built(root)[f"{name}.gz"]).decode()


def manifest(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(built(root)["manifest.json"])
    return content


def test_every_file_is_stored_compressed_under_the_hash_of_its_content(root: Path) -> None:
    assert build(root).returncode == 0
    files = manifest(root)["files"]
    assert set(built(root)) == {
        "manifest.json",
        *(f"{entry['file']}{suffix}" for entry in files.values() for suffix in (".br", ".gz")),
    }
    for path, entry in files.items():
        content = gzip.decompress(built(root)[f"{entry['file']}.gz"])
        assert hashlib.sha256(content).hexdigest().startswith(entry["file"].rpartition("-")[2].partition(".")[0])
        assert path in ("docs", f"docs/{entry['file']}", "dashboard", f"dashboard/{entry['file']}")
        sizes = [len(content), *(len(built(root)[entry["file"] + suffix]) for suffix in (".gz", ".br"))]
        assert [entry["bytes"], entry["gzipBytes"], entry["brotliBytes"]] == sizes
    types = {path.rpartition(".")[2]: entry["type"] for path, entry in files.items()}
    pages = {"docs": "text/html", "dashboard": "text/html"}
    assert types == {**pages, "css": "text/css", "js": "text/javascript", "txt": "text/plain"}


@pytest.mark.parametrize("page", ["docs", "dashboard"])
def test_the_html_names_the_files_as_they_are_stored(root: Path, page: str) -> None:
    build(root)
    files = manifest(root)["files"]
    html = gzip.decompress(built(root)[f"{files[page]['file']}.gz"]).decode()
    assert set(re.findall(rf'"({page}/[^"]+)"', html)) == {name for name in files if name.startswith(f"{page}/")}


def test_the_dashboard_is_one_script_and_one_style_sheet_with_nothing_inline(root: Path) -> None:
    build(root)
    files = manifest(root)["files"]
    assert sorted(name.rpartition(".")[2] for name in files if name.startswith("dashboard/")) == ["css", "js", "txt"]
    html = gzip.decompress(built(root)[f"{files['dashboard']['file']}.gz"]).decode()
    assert re.findall(r"<style|<script(?![^>]* src=)| style=| on[a-z]+=|javascript:", html) == []


def test_a_fault_in_the_source_of_the_dashboard_stops_the_build_and_is_named(root: Path) -> None:
    (root / MAIN).write_text("let a = ;", encoding="utf-8")
    run = build(root)
    assert run.returncode == 1
    assert run.stderr == f'The pages could not be built: {MAIN}:1: Unexpected ";".\n'


def test_a_dashboard_that_has_become_too_large_is_refused(root: Path) -> None:
    numbers = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]
    (root / MAIN).write_text(f"console.log({json.dumps(numbers)});", encoding="utf-8")
    run = build(root)
    assert run.returncode == 1
    assert re.search(r"dashboard: its files are \d{3} kB compressed, and may be 100 kB\.\n$", run.stderr)
    assert not (root / "shared/pages/built").exists()


def test_without_the_bundler_it_says_what_to_run(root: Path) -> None:
    (root / "node_modules/esbuild").unlink()
    run = build(root)
    assert (run.returncode, len(run.stderr.splitlines())) == (1, 1)
    assert "node_modules/esbuild/package.json is missing (ENOENT); `make setup` installs it" in run.stderr


def test_the_licences_of_the_packages_are_among_the_files(root: Path) -> None:
    build(root)
    assert manifest(root)["packages"] == [
        {"name": "swagger-ui-dist", "version": VERSION, "license": "Apache-2.0"},
        *({"name": name, "version": DEPENDENCIES[name], "license": "MIT"} for name in BUNDLED),
    ]
    ours = licences_of(root, "dashboard")
    assert [f"{name} {DEPENDENCIES[name]}: MIT" in ours for name in BUNDLED] == [True, True]
    text = licences_of(root, "docs")
    assert re.findall(r"^(?:swagger|--- |the|other).*", text, re.MULTILINE) == [
        f"swagger-ui-dist {VERSION}: Apache-2.0",
        *("--- LICENSE", "the licence", "--- NOTICE", "the notice"),
        *("--- swagger-ui-bundle.js.LICENSE.txt", "other licences"),
    ]


def test_two_builds_give_the_same_bytes_and_the_second_of_the_same_sources_does_nothing(root: Path) -> None:
    assert build(root).stderr == "Building the pages ...\n"
    first = built(root)
    assert (build(root).stderr, built(root)) == ("", first)
    shutil.rmtree(root / "shared")
    build(root)
    assert built(root) == first


def test_builds_at_the_same_time_leave_one_whole_result(root: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(build, [root, root]))
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert len(built(root)) == 1 + 2 * len(manifest(root)["files"])
    assert [path.name for path in (root / "shared/pages").iterdir()] == ["built"]


@pytest.mark.parametrize(
    ("source", "change"),
    [
        *(("pages/docs/docs.js", "\n//"), ("pages/docs/index.html", "\n"), ("pages/build.mjs", "\n//")),
        (f"{VIEWER}/NOTICE", "\nmore"),
        *((MAIN, 'console.log("more");'), ("pages/dashboard/dashboard.css", "p { color: red }")),
        *(("pages/dashboard/index.html", "\n"), ("pages/dashboard/key.ts", 'console.log("more");')),
    ],
)
def test_a_changed_source_is_built_again(root: Path, source: str, change: str) -> None:
    build(root)
    first = manifest(root)
    with (root / source).open("a") as file:
        file.write(change)
    assert build(root).stderr == "Building the pages ...\n"
    assert manifest(root)["inputs"] != first["inputs"]
    assert len(built(root)) == 1 + 2 * len(first["files"])


def test_without_the_packages_it_says_what_to_run(root: Path) -> None:
    shutil.rmtree(root / "node_modules")
    run = build(root)
    assert (run.returncode, len(run.stderr.splitlines())) == (1, 1)
    assert "`make setup` installs it" in run.stderr
    assert not (root / "shared/pages/built").exists()


def test_a_package_of_another_version_than_the_pinned_one_is_refused(root: Path) -> None:
    (root / VIEWER / "package.json").write_text('{"version": "1.0.0", "license": "MIT"}', encoding="utf-8")
    run = build(root)
    assert run.returncode == 1
    assert f"has swagger-ui-dist 1.0.0 and package.json wants {VERSION}" in run.stderr


def test_a_file_that_the_html_does_not_name_stops_the_build_and_leaves_the_earlier_one(root: Path) -> None:
    build(root)
    first = built(root)
    html = root / "pages/docs/index.html"
    html.write_text(html.read_text(encoding="utf-8").replace('"docs/docs.css"', '"docs/other.css"'), encoding="utf-8")
    run = build(root)
    assert run.returncode == 1
    assert 'its HTML does not name "docs/docs.css"' in run.stderr
    assert built(root) == first
    assert [path.name for path in (root / "shared/pages").iterdir()] == ["built"]
