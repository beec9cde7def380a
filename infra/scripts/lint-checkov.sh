#!/usr/bin/env bash
# Scan the templates with checkov, in a separate virtual environment, because it pins other versions than the app.
# Usage: infra/scripts/lint-checkov.sh   (PYTHON=python3.13 chooses the interpreter)
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.venv-checkov
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
if ! cmp -s requirements-checkov.txt "$venv/installed.txt"; then
  "$python" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-checkov.txt
  cp requirements-checkov.txt "$venv/installed.txt"
fi

view=$(mktemp -d)
trap 'rm -rf "$view"' EXIT
"$venv/bin/python" infra/scripts/checkov_view.py infra "$view"
"$venv/bin/checkov" --config-file infra/checkov.yaml --directory "$view"
