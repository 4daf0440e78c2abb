#!/bin/sh
# Makes the virtual environment of this checkout and installs what pyproject.toml names; does nothing when done.
#
# Usage: setup.sh [EXTRA...]    EXTRA: test, check, build; without one, what the agent itself needs
# Environment: PYTHON (python3), VENV (.venv), VENV_ARGS (handed to python -m venv)
set -eu
cd "${0%/*}/.."

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

# What the environment was made with; another Python gets another environment.
identity() {
    "$PYTHON" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)' && echo "${VENV_ARGS:-}"
}

# VENV_ARGS is a list of options, so it is split.
# shellcheck disable=SC2086
make_venv() {
    "$PYTHON" -m venv ${VENV_ARGS:-} "$VENV" >"$VENV.log" 2>&1
}

fresh_venv() {
    echo "setup: making $VENV with $("$PYTHON" --version)"
    rm -rf "$VENV"
    if ! make_venv; then
        # Debian's python3 leaves venv's other half (ensurepip) to a package of its own.
        rm -rf "$VENV"
        if ! grep -q ensurepip "$VENV.log"; then cat "$VENV.log" >&2; exit 1; fi
        sh build/packages.sh venv
        make_venv || { cat "$VENV.log" >&2; exit 1; }
    fi
    rm -f "$VENV.log"
    identity >"$VENV/made-with"
}

installed() {
    [ -e "$VENV/installed-$1" ] && [ -z "$(find pyproject.toml -newer "$VENV/installed-$1")" ]
}

install() {
    lacking=""
    for part in agent "$@"; do installed "$part" || lacking="$lacking $part"; done
    [ -n "$lacking" ] || return 0
    echo "setup: installing into $VENV what these need:$lacking"
    "$VENV/bin/python" build/requirements.py "$@" >"$VENV/requirements.txt"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r "$VENV/requirements.txt"
    for part in agent "$@"; do : >"$VENV/installed-$part"; done
}

wanted=$(identity) || { echo "setup: $PYTHON does not start; PYTHON=... names another" >&2; exit 69; }
if [ "$(cat "$VENV/made-with" 2>/dev/null || true)" != "$wanted" ]; then fresh_venv; fi
install "$@"
