"""The package: it holds listed files and locked dependencies, has the same bytes each time, and runs alone."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import requests

from local.processes.child import Child
from sandbox.server import Sandbox
from tests.app.app import JobsTable, environment_of
from tests.infra.template import INFRA, REPOSITORY

# The packages that run the app on this machine in place of Azure; none is the app's own.
HOST_NEEDS = ("azure-functions-runtime", "aiohttp", "croniter")
PERMISSIVE = re.compile(r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL-2\.0|Mozilla Public License 2")


def load_script() -> ModuleType:
    """infra/scripts/package.py, which is not in a package of Python modules."""
    spec = importlib.util.spec_from_file_location("package_script", INFRA / "scripts/package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


def pins(file: str) -> dict[str, str]:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    }


def test_the_lock_has_the_tested_versions_with_a_hash_for_each() -> None:
    assert pins("requirements.lock") == pins("requirements.txt")
    entries = re.split(r"^(?=[\w.-]+==)", (REPOSITORY / "requirements.lock").read_text(encoding="utf-8"), flags=re.M)[
        1:
    ]
    assert len(entries) == len(pins("requirements.txt"))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_package_has_the_apps_own_files_only(tmp_path: Path) -> None:
    for name in (
        *("function_app.py", "host.json", "LICENSE", "shared/a.py", "shared/deep/a.json"),
        *("secret.txt", "client.pem", ".env", "local.settings.json", "tests/test_a.py", "shared/key.pem"),
        *("shared/__pycache__/a.cpython-313.pyc", "shared/notes.txt", "shared/page.html", "node_modules/x.js"),
        *("pages/build.mjs", "shared/pages/built/manifest.json", "shared/pages/built-x/a.json"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert {name for name, _ in SCRIPT.app_files(tmp_path)} == {
        "function_app.py",
        "host.json",
        "LICENSE",
        "shared/a.py",
        "shared/deep/a.json",
    }


def test_of_the_pages_the_package_has_the_files_of_the_last_build_only(tmp_path: Path) -> None:
    folder = tmp_path / "shared/pages/built"
    folder.mkdir(parents=True)
    for name in ("a-1.js.br", "a-1.js.gz", "a-0.js.gz", "a-1.js"):
        (folder / name).touch()
    manifest = {"files": {"docs/a-1.js": {"file": "a-1.js"}}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    taken = {name.removeprefix("shared/pages/built/") for name, path in SCRIPT.page_files(tmp_path) if path.exists()}
    assert taken == {"manifest.json", "a-1.js.br", "a-1.js.gz"}


def test_without_the_sources_of_the_pages_the_build_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REPOSITORY / "pages", tmp_path / "pages")
    monkeypatch.setattr(SCRIPT, "REPOSITORY", tmp_path)
    with pytest.raises(SystemExit):
        SCRIPT.build(tmp_path / "dist")
    assert "`make setup` installs it" in capfd.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="Missing: Node"):
        SCRIPT.build(tmp_path / "dist")


def test_the_package_leaves_out_files_that_differ_between_machines(tmp_path: Path) -> None:
    for name in ("a.py", "bin/tool", "a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    kept = {name.removeprefix(".python_packages/lib/site-packages/") for name, _ in SCRIPT.dependency_files(tmp_path)}
    assert kept == {"a.py", "a-1.dist-info/METADATA"}


def test_the_same_files_give_the_same_bytes_at_any_time_and_in_any_order(tmp_path: Path) -> None:
    files = [("b.txt", tmp_path / "one"), ("a.txt", tmp_path / "two")]
    for _, path in files:
        path.write_text(path.name, encoding="utf-8")
    SCRIPT.write_zip(tmp_path / "first.zip", files, 0)
    os.utime(tmp_path / "one", (0, 0))
    (tmp_path / "two").chmod(0o700)
    SCRIPT.write_zip(tmp_path / "second.zip", reversed(files), 0)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_azure_can_read_every_file_of_the_package(tmp_path: Path) -> None:
    """Azure mounts the package: an entry without permissions is there and cannot be opened."""
    (tmp_path / "a").write_text("x", encoding="utf-8")
    SCRIPT.write_zip(tmp_path / "a.zip", [("a", tmp_path / "a")], 1_700_000_000)
    (entry,) = zipfile.ZipFile(tmp_path / "a.zip").infolist()
    assert entry.external_attr >> 16 == 0o100644
    assert entry.date_time == (2023, 11, 14, 22, 13, 20)


def test_a_release_has_its_version_in_the_changelog() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(SCRIPT.version())}\b", changelog, re.MULTILINE)


def test_funcignore_packs_the_same_as_the_package(tmp_path: Path) -> None:
    """The Core Tools read it as git reads .gitignore."""
    names = ["function_app.py", "host.json", "requirements.txt", "shared/deep/a.py", "shared/docs/page.html"]
    names += ["shared/pages/built/manifest.json", "shared/pages/built/a-1.js.gz"]
    kept_out = ["secret.txt", "client.pem", "docs/a.md", "local.settings.json", "shared/__pycache__/a.pyc", "LICENSE"]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text((REPOSITORY / ".funcignore").read_text(encoding="utf-8"), encoding="utf-8")
    for name in names + kept_out:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.split()) == set(names)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a real build."""
    output = tmp_path_factory.mktemp("dist")
    SCRIPT.build(output)
    return output


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in an empty folder, as Azure mounts it."""
    folder = tmp_path_factory.mktemp("app")
    zipfile.ZipFile(built / "offer-monitor.zip").extractall(folder)
    return folder


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    SCRIPT.build(tmp_path / "again")
    assert (tmp_path / "again/SHA256SUMS").read_text(encoding="utf-8") == (built / "SHA256SUMS").read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
def test_the_checksums_are_those_of_the_files(built: Path) -> None:
    lines = (built / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    for digest, name in (line.split() for line in lines):
        assert hashlib.sha256((built / name).read_bytes()).hexdigest() == digest


@pytest.mark.slow
def test_no_dependency_has_the_name_of_a_part_of_the_app(unpacked: Path) -> None:
    """On Azure the app's folder is the last on Python's path: a dependency of that name would be imported instead."""
    site_packages = unpacked / ".python_packages/lib/site-packages"
    own = {path.stem for path in unpacked.iterdir() if not path.name.startswith(".")}
    assert not own & {path.stem for path in site_packages.iterdir()}


@pytest.mark.slow
def test_compiled_libraries_are_for_azure(unpacked: Path) -> None:
    libraries = [path.name for path in unpacked.rglob("*.so*")]
    assert libraries
    for name in libraries:
        assert re.search(r"\.(cpython-313-x86_64-linux-gnu|abi3)\.so$|^lib.*\.so", name), name


@pytest.mark.slow
def test_the_bill_of_materials_names_every_dependency_with_a_licence_that_may_be_shipped(built: Path) -> None:
    bill = json.loads((built / "offer-monitor.cdx.json").read_text(encoding="utf-8"))
    components = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part for part in bill["components"]}
    in_pages = json.loads((REPOSITORY / "package.json").read_text(encoding="utf-8"))["dependencies"]
    versions = {name: part["version"] for name, part in components.items()}
    assert versions == pins("requirements.lock") | in_pages
    assert {f"pkg:npm/{name}@{version}" for name, version in in_pages.items()} <= {
        part["purl"] for part in bill["components"]
    }
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["version"] == SCRIPT.version()
    texts = (built / "offer-monitor-licenses.txt").read_text(encoding="utf-8")
    named = dict(re.findall(r"^=+\n(\S+) \S+: (.*)\n=+$", texts, re.MULTILINE))
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in named} == set(components)
    assert {
        name: licence for name, licence in named.items() if not PERMISSIVE.search(licence) or "GPL" in licence
    } == {}


def host_only(folder: Path) -> Path:
    """A folder with the local host and what runs it, and none of the app's own dependencies."""
    left_to_the_package = set(pins("requirements.lock"))
    waiting, seen = list(HOST_NEEDS), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", re.split(r"[ ;<>=!~\[(]", waiting.pop())[0]).lower()
        if name in seen | left_to_the_package:
            continue
        seen.add(name)
        distribution = metadata.distribution(name)
        waiting += [
            need for need in distribution.requires or [] if "extra ==" not in need and "python_version <" not in need
        ]
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    (folder / "local").symlink_to(REPOSITORY / "local")
    return folder


@pytest.fixture
def address(unpacked: Path, azurite: str, fresh_sandbox: Sandbox, jobs_table: str, tmp_path: Path) -> Iterator[str]:
    """The app from the package in Microsoft's runtime; without site-packages except its own."""
    JobsTable(azurite, jobs_table).create()
    (tmp_path / "host").mkdir()
    path = [host_only(tmp_path / "host"), unpacked / ".python_packages/lib/site-packages"]
    settings = environment_of(fresh_sandbox, azurite, jobs_table)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "localhost,127.0.0.1",
        **settings,
    }
    options = ["--app", str(unpacked), "--port", "0", "--no-timers", "--no-settings-file"]
    # -S: without site, Python does not see this environment's packages.
    command = [sys.executable, "-S", "-m", "local.processes.lifeline", "local.host", *options]
    child = Child("the package", command, environment=environment, directory=tmp_path)
    try:
        listening = child.wait_for(r"Listening on \S+:(\d+)$", timeout_seconds=30)
        yield f"http://127.0.0.1:{listening[1]}"
    finally:
        child.kill()


@pytest.mark.slow
def test_the_app_runs_from_the_package_with_nothing_else_installed(address: str, fresh_sandbox: Sandbox) -> None:
    key = {"x-functions-key": "local"}
    assert requests.get(f"{address}/api/health", timeout=30).json() == {"status": "ok"}
    job_id = fresh_sandbox.state.add_job()
    assert requests.post(f"{address}/api/jobs", json={"jobId": job_id}, headers=key, timeout=30).status_code == 202
    checked = requests.post(f"{address}/api/jobs/{job_id}/check", headers=key, timeout=30)
    assert checked.json()["state"] == "succeeded", checked.text
    assert checked.json()["privateOffer"] is not None
    assert requests.get(f"{address}/api/webhooks", headers=key, timeout=30).json() == {"webhooks": []}


@pytest.mark.slow
def test_the_package_serves_the_apis_description_and_the_page_that_shows_it(address: str) -> None:
    description = requests.get(f"{address}/api/openapi.json", timeout=30)
    assert description.json() == json.loads((REPOSITORY / "shared/http/openapi.json").read_text(encoding="utf-8"))
    page = requests.get(f"{address}/api/docs", timeout=30)
    assert page.headers["Content-Type"].startswith("text/html")
    names = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(names) > 2
    for name in names:
        assert requests.get(f"{address}/api/{name}", timeout=30).status_code == 200
