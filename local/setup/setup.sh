#!/bin/sh
# Set up .venv from requirements-dev.lock and node_modules from package-lock.json, and build the pages. Each is done once, and
# again only when its lock or its sources change. If the machine lacks something, a one-line message names it.
set -eu
cd "$(dirname "$0")/../.."

fail() {
	echo "$*" >&2
	exit 1
}

# Whether $1 is a Python 3.13 that really runs. A pyenv shim may exist but not run.
runs_python_313() {
	"$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

find_python() {
	for candidate in "${PYTHON:-}" python3.13 \
		"${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
		/usr/local/bin/python3.13 /usr/bin/python3.13 python3 python; do
		if [ -n "$candidate" ] && runs_python_313 "$candidate"; then
			echo "$candidate"
			return
		fi
	done
	python_from_uv && return
	fail "Missing: Python 3.13. Looked for python3.13, pyenv's versions and python3; set PYTHON to its path if it is elsewhere, or install uv, which can install Python."
}

# A Python 3.13 that uv has or can install. It goes into uv's own folder, not into the system.
python_from_uv() {
	command -v uv >/dev/null 2>&1 || return
	if ! found=$(uv python find --no-project 3.13 2>/dev/null); then
		echo "Installing Python 3.13 with uv ..." >&2
		uv python install 3.13 >&2 || fail "Missing: Python 3.13, and uv could not install it: see its message above."
		found=$(uv python find --no-project 3.13) || return
	fi
	runs_python_313 "$found" && echo "$found"
}

# pip inside .venv. Debian's Python may lack the part of venv that installs pip; then use its own pip.
make_venv() {
	python=$(find_python)
	if "$python" -c 'import ensurepip' 2>/dev/null; then
		"$python" -m venv .venv
		pip=".venv/bin/python -m pip"
	elif "$python" -m pip --version >/dev/null 2>&1; then
		"$python" -m venv --without-pip .venv
		pip="$python -m pip --python .venv/bin/python"
	else
		fail "Missing: pip for $python (Debian: apt install python3-venv)."
	fi
}

set_up_python() {
	wanted=$(cksum <requirements-dev.lock)
	if runs_python_313 .venv/bin/python && [ "$(cat .venv/.requirements 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	echo "Setting up Python packages in .venv ..." >&2
	make_venv
	# $pip is a command with arguments, so it is not quoted.
	# shellcheck disable=SC2086
	$pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements-dev.lock ||
		fail "Python packages could not be installed: see pip's message above."
	echo "$wanted" >.venv/.requirements
}

check_node() {
	command -v node >/dev/null 2>&1 || fail "Missing: Node.js 20 or newer (node)."
	node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' ||
		fail "Missing: Node.js 20 or newer; node is $(node --version)."
}

set_up_node() {
	wanted=$(cksum <package-lock.json)
	if [ "$(cat node_modules/.lock 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	command -v npm >/dev/null 2>&1 || fail "Missing: npm."
	echo "Setting up npm packages in node_modules ..." >&2
	npm ci --ignore-scripts --loglevel=error >/dev/null ||
		fail "npm packages could not be installed: see npm's message above."
	echo "$wanted" >node_modules/.lock
}

check_node
set_up_python
set_up_node
node pages/build.mjs
