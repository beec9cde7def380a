#!/usr/bin/env bash
# Print CHANGELOG.md's section for a release, and fail if the tag must not be released.
# Usage: infra/scripts/release-notes.sh v1.2.3
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "release-notes: $*" >&2
  exit 1
}

tag=${1:-}
[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "a release is tagged v1.2.3, not '$tag'"
version=${tag#v}
declared=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
[ "$declared" = "$version" ] || fail "pyproject.toml says $declared; raise its version, or correct the tag"
git merge-base --is-ancestor HEAD origin/main || fail "the tag is not on main"

notes=$(awk -v heading="## $version" '
  /^## / { inside = ($0 == heading || index($0, heading " ") == 1); next }
  inside { print }
' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || fail "CHANGELOG.md has no section '## $version'"
printf '%s\n' "$notes"
