#!/bin/sh
# Install the Debian packages that are named as arguments and missing (chromium, fonts-inter, optipng), if this user may; otherwise say in
# one line what is missing. Chromium may also be called chromium-browser, and Chrome will do.
set -eu

fail() {
	echo "$*" >&2
	exit 1
}

is_installed() {
	case $1 in
	chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
	*) dpkg-query --show --showformat '${Status}' "$1" 2>/dev/null | grep 'ok installed' ;;
	esac >/dev/null
}

missing=
for package in "$@"; do
	is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || fail "Missing:$missing (the names of Debian's packages)."
as_root=
if [ "$(id -u)" -ne 0 ]; then
	sudo -n true 2>/dev/null || fail "Missing:$missing (Debian: sudo apt install$missing)."
	as_root="sudo -n"
fi
echo "Installing$missing with apt ..." >&2
# The words of $as_root and $missing are separate arguments.
# shellcheck disable=SC2086
{ $as_root apt-get update && DEBIAN_FRONTEND=noninteractive $as_root apt-get install --yes --no-install-recommends $missing; } >/dev/null ||
	fail "Missing:$missing. apt could not install it: see its message above."
