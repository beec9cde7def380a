"""Redocly finds nothing to complain of in the stored description."""

import json
import os
import subprocess
from pathlib import Path

from openapi.document import REPOSITORY
from shared.http.pages import DOCUMENT

CLI = "node_modules/@redocly/cli/bin/cli.js"


def complaints(document: Path) -> list[str]:
    """The rules that a document breaks, those that only warn among them."""
    done = subprocess.run(
        ["node", CLI, "lint", "--config", "openapi/redocly.yaml", "--format=json", str(document)],
        cwd=REPOSITORY,
        env={**os.environ, "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return [problem["ruleId"] for problem in json.loads(done.stdout)["problems"]]


def test_the_description_breaks_no_rule() -> None:
    assert complaints(DOCUMENT) == []


def test_a_broken_rule_is_found(tmp_path: Path) -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    del document["paths"]["/jobs"]["get"]["summary"]
    document["paths"]["/jobs"]["get"]["responses"]["200"]["content"]["application/json"]["example"] = {"jobs": 1}
    broken = tmp_path / "openapi.json"
    broken.write_text(json.dumps(document), encoding="utf-8")
    assert set(complaints(broken)) == {"operation-summary", "no-invalid-media-type-examples"}
