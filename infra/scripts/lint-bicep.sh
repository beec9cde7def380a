#!/usr/bin/env bash
# Compile and lint the templates, if the Bicep CLI is installed. Any warning fails, except use-recent-api-versions, which fails
# as time passes and is checked separately.
# Usage: infra/scripts/lint-bicep.sh [--api-versions]   (--api-versions: check only that rule)
set -euo pipefail
api_versions=false
if [ "${1:-}" = --api-versions ]; then api_versions=true; fi
cd "$(dirname "$0")/.."

if command -v bicep >/dev/null; then
  bicep=(bicep)
elif command -v az >/dev/null && az bicep version >/dev/null 2>&1; then
  bicep=(az bicep)
else
  echo "lint-bicep: no Bicep CLI here, so nothing was compiled. Install one with 'az bicep install'." >&2
  echo "lint-bicep: 'make test' checks what it can without the CLI (tests/infra)." >&2
  exit 0
fi

messages=$(mktemp)
trap 'rm -f "$messages" "$messages.all"' EXIT

# The standalone CLI takes the file as an argument, the Azure CLI by --file.
file_argument() {
  if [ "${bicep[0]}" = az ]; then printf -- '--file\n'; fi
  printf '%s\n' "$1"
}

failed=0
check() { # <what> <command...>: runs the command, shows its messages, and treats a warning as a failure
  local what=$1
  shift
  if ! "$@" >/dev/null 2>"$messages.all"; then failed=1; fi
  if [ "$api_versions" = true ]; then
    grep 'use-recent-api-versions' "$messages.all" >"$messages" || true
  else
    grep -v 'use-recent-api-versions' "$messages.all" >"$messages" || true
  fi
  if grep -Eq ': (Warning|Error|Info) [A-Za-z0-9-]+:' "$messages"; then failed=1; fi
  if [ -s "$messages" ]; then
    echo "$what:" >&2
    cat "$messages" >&2
  fi
}

for template in main.bicep modules/*.bicep types.bicep; do
  mapfile -t argument < <(file_argument "$template")
  check "build $template" "${bicep[@]}" build "${argument[@]}" --stdout
  check "lint $template" "${bicep[@]}" lint "${argument[@]}"
done
mapfile -t argument < <(file_argument parameters/main.bicepparam)
check "build parameters/main.bicepparam" "${bicep[@]}" build-params "${argument[@]}" --stdout

if [ "$failed" -ne 0 ]; then
  echo "lint-bicep: not clean" >&2
  exit 1
fi
echo "lint-bicep: clean"
