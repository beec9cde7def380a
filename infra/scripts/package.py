"""Builds the deployment package: a zip with the app and its runtime dependencies, so that nothing is built on Azure.

    package.py [--output dist]

It writes `offer-monitor.zip`, `offer-monitor.cdx.json` (the bill of materials, CycloneDX),
`offer-monitor-licenses.txt` (the licences of the contents) and `SHA256SUMS`. The same files and the same locks give
the same bytes with the same Node.js, which builds the pages: entries are sorted, and their time is SOURCE_DATE_EPOCH,
else 1980-01-01.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
NAME = "offer-monitor"

# The deployed files. Everything else in the repository stays out.
APP_FILES = ("function_app.py", "host.json", "LICENSE")
APP_FOLDER = "shared"
APP_SUFFIXES = frozenset({".json", ".py"})
# The output of pages/build.mjs. Its manifest names every file of the pages; each is stored in these encodings only.
PAGES = "shared/pages"
BUILT_PAGES = f"{PAGES}/built"
ENCODING_SUFFIXES = (".br", ".gz")
# Where Azure's Python worker looks for the app's dependencies.
DEPENDENCIES = ".python_packages/lib/site-packages"

# Azure Functions runs Python 3.13 on Linux, x86-64, with glibc 2.36 (Debian 12). Wheels for an older glibc run there.
PYTHON = "3.13"
_GLIBC_MINORS = (34, 31, 28, 27, 26, 24, 17, 12, 5)
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC_MINORS), "manylinux2014_x86_64")

# Not packed: command-line tools, which contain the path of this machine's Python, and pip's own records.
_SKIPPED_FOLDERS = frozenset({"__pycache__", "bin"})
_SKIPPED_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
# The earliest time that a zip can store: 1980-01-01.
_EARLIEST = 315_532_800


def app_files(root: Path) -> Iterator[tuple[str, Path]]:
    """The app's own files: each one's name in the package, and its path."""
    for name in APP_FILES:
        yield name, root / name
    for path in (root / APP_FOLDER).rglob("*"):
        is_own = path.suffix in APP_SUFFIXES and not path.is_relative_to(root / PAGES)
        if path.is_file() and is_own and "__pycache__" not in path.parts:
            yield path.relative_to(root).as_posix(), path


def page_files(root: Path) -> Iterator[tuple[str, Path]]:
    """The built pages, by their manifest: what an earlier build left behind stays out."""
    names = [
        "manifest.json",
        *(entry["file"] + suffix for entry in manifest_of(root)["files"].values() for suffix in ENCODING_SUFFIXES),
    ]
    for name in names:
        yield f"{BUILT_PAGES}/{name}", root / BUILT_PAGES / name


def manifest_of(root: Path) -> dict[str, Any]:
    """What pages/build.mjs says that it has built."""
    manifest: dict[str, Any] = json.loads((root / BUILT_PAGES / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def dependency_files(site_packages: Path) -> Iterator[tuple[str, Path]]:
    """The installed files, except those that differ between machines."""
    for path in site_packages.rglob("*"):
        parts = path.relative_to(site_packages).parts
        if path.is_file() and path.name not in _SKIPPED_FILES and not _SKIPPED_FOLDERS & set(parts):
            yield f"{DEPENDENCIES}/{'/'.join(parts)}", path


def write_zip(target: Path, files: Iterable[tuple[str, Path]], epoch: int) -> None:
    """Write the zip. The same files give the same bytes on any machine with the same zlib."""
    moment = time.gmtime(max(epoch, _EARLIEST))[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name, path in sorted(files):
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, because Azure mounts the package and needs the permissions below
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, path.read_bytes(), compresslevel=9)


def build_pages() -> None:
    """Build the pages; without Node.js or node_modules, end with what to run."""
    node = shutil.which("node")
    if node is None:
        sys.exit("Missing: Node.js 20 or newer (node), which builds the pages.")
    if subprocess.run([node, "pages/build.mjs"], check=False, cwd=REPOSITORY).returncode:  # noqa: S603 - a fixed command
        sys.exit(1)  # it has said why, and what to run


def install(lock: Path, site_packages: Path) -> None:
    """Install exactly the locked packages, for Azure's platform, and check every hash."""
    platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile", "--ignore-installed"),
        *("--implementation", "cp", "--python-version", PYTHON, *platforms),
        *("--target", str(site_packages), "--requirement", str(lock)),
    )


def write_bill_of_materials(target: Path, environment: Path, packages: Iterable[Mapping[str, Any]]) -> None:
    """Write the components with version, licence and package URL: those of the environment, using CycloneDX's tool,
    and the npm packages of the pages."""
    run(
        # The tool warns that pyproject.toml names no dependencies, because those are in requirements.txt.
        *(
            sys.executable,
            "-W",
            "ignore::UserWarning",
            "-m",
            "cyclonedx_py",
            "environment",
            "--output-reproducible",
            "--spec-version",
            "1.6",
        ),
        *("--output-format", "JSON", "--pyproject", str(REPOSITORY / "pyproject.toml"), "--mc-type", "application"),
        *("--output-file", str(target), str(environment)),
    )
    bill = json.loads(target.read_text(encoding="utf-8"))
    bill["components"] += [npm_component(**package) for package in packages]
    target.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")


def npm_component(*, name: str, version: str, license: str, **_: object) -> dict[str, Any]:  # noqa: A002 - npm's word
    """A package whose code is in the pages, as CycloneDX describes it."""
    reference = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    return {
        "bom-ref": reference,
        "licenses": [{"license": {"id": license}}],
        "name": name,
        "purl": reference,
        "type": "library",
        "version": version,
    }


def licenses(site_packages: Path) -> str:
    """The licence of every dependency, with the licence texts that it ships."""
    parts = []
    for metadata in sorted(site_packages.glob("*.dist-info/METADATA")):
        facts = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        parts.append(f"{'=' * 100}\n{facts['Name']} {facts['Version']}: {license_of(facts.items())}\n{'=' * 100}\n")
        for name in facts.get_all("License-File", []):
            places = (metadata.parent / "licenses" / name, metadata.parent / name)
            text = next((place.read_text(encoding="utf-8") for place in places if place.exists()), None)
            if text is not None:
                parts.append(f"--- {name}\n{text.rstrip()}\n")
    return "\n".join([*parts, *page_licenses(REPOSITORY)])


def page_licenses(root: Path) -> Iterator[str]:
    """The same of the npm packages whose code is in the pages, as pages/build.mjs has gathered it."""
    for entry in manifest_of(root)["files"].values():
        if entry["file"].startswith("licenses-"):
            yield gzip.decompress((root / BUILT_PAGES / f"{entry['file']}.gz").read_bytes()).decode("utf-8")


def license_of(metadata: Iterable[tuple[str, str]]) -> str:
    """A package's licence: its SPDX expression, else its one-line name, else its classifiers."""
    facts = list(metadata)
    for header in ("License-Expression", "License"):
        for name, value in facts:
            # Some packages put the whole licence text here.
            if name == header and value != "UNKNOWN" and len(value.splitlines()) == 1:
                return value
    classifiers = [value for name, value in facts if name == "Classifier" and value.startswith("License ::")]
    return ", ".join(value.rpartition(" :: ")[2] for value in classifiers) or "unknown"


def run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=REPOSITORY)  # noqa: S603 - fixed commands


def version() -> str:
    """The version of this release, from pyproject.toml."""
    number: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return number


def build(output: Path) -> list[Path]:
    """Build the pages, empty `output`, build everything into it, and return the files."""
    build_pages()
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as directory:
        environment = Path(directory) / "environment"
        run(sys.executable, "-m", "venv", "--without-pip", str(environment))
        site_packages = next((environment / "lib").iterdir()) / "site-packages"
        install(REPOSITORY / "requirements.lock", site_packages)
        package, bill, texts = (output / f"{NAME}{suffix}" for suffix in (".zip", ".cdx.json", "-licenses.txt"))
        files = [*app_files(REPOSITORY), *page_files(REPOSITORY), *dependency_files(site_packages)]
        write_zip(package, files, int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
        write_bill_of_materials(bill, environment, manifest_of(REPOSITORY)["packages"])
        texts.write_text(licenses(site_packages), encoding="utf-8")
    built = [package, bill, texts]
    sums = output / "SHA256SUMS"
    sums.write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built), encoding="utf-8"
    )
    return [*built, sums]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist")
    for path in build(parser.parse_args().output):
        sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
