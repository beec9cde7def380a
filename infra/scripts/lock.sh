#!/usr/bin/env bash
# Write requirements.lock and requirements-dev.lock from the lists of the same names: every package with its version, and the hash
# of every file of that release.
# Usage: infra/scripts/lock.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT

# $1 is the list without its ending; the rest are further options of pip-compile.
write_lock() {
  local name=$1
  shift
  : >"$lock"
  .venv/bin/python -m piptools compile --quiet --generate-hashes --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-options --no-config "$@" --output-file "$lock" "$name.txt"
  {
    echo "# Made by \`make lock\` from $name.txt: the same versions, with the hash of every file that may be installed."
    cat "$lock"
  } >"$name.lock"
}

write_lock requirements
# pip-tools needs pip and setuptools themselves, and pip installs nothing without a hash when one package has one.
write_lock requirements-dev --allow-unsafe
