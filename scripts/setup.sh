#!/bin/sh
# Makes the virtual environment in $1 with the pinned packages. Needs python3 (3.11 or newer); nothing else is assumed.
set -eu
venv=$1
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python3 3.11 or newer is needed; this is $(python3 -V)" >&2; exit 1; }
if ! python3 -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        python3 -m venv "$venv"
    else
        echo "python3 cannot make a virtual environment; install python3-venv (Debian: sudo apt-get install python3-venv) and run make again" >&2
        exit 1
    fi
fi
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/.ready"
