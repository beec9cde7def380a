#!/usr/bin/env bash
# Write requirements.lock and requirements-dev.lock from the lists of the same names: every package with its version and the hashes
# of that release's files.
# Usage: infra/scripts/lock.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT

# $1 is the list's name without .txt; the rest are options of pip-compile.
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
# pip-tools depends on pip and setuptools. Once one package has a hash, pip requires hashes for all, including these two.
write_lock requirements-dev --allow-unsafe
