#!/usr/bin/env bash
# Write requirements.lock from requirements.txt: the same pins, with the hash of every file of each release.
# Usage: infra/scripts/lock.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
.venv/bin/python -m piptools compile --quiet --generate-hashes --strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --no-emit-options --no-config --output-file "$lock" requirements.txt
{
  echo "# Made by \`make lock\` from requirements.txt: the same versions, with the hash of every file that may be installed."
  cat "$lock"
} >requirements.lock
