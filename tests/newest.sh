#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
#   tests/newest.sh TARGET COMMAND...
#
# Runs a command with the newest ansible-core, which needs a newer Python than the oldest that can be a controller.
# Takes that from PATH or from pyenv. Where there is none, it says so and writes the reason to build/skipped/TARGET.
set -euo pipefail

target=$1
shift

candidates() {
    local version
    for version in 3.14 3.13 3.12; do
        type -aP "python$version" || true
        if command -v pyenv >/dev/null; then
            compgen -G "$(pyenv root)/versions/$version*/bin/python$version" || true
        fi
    done
}

# A pyenv shim is there for versions that are not switched on, and Debian has Pythons without venv.
works() { "$1" -c 'import ensurepip, venv'; }

found=
while read -r python; do
    if works "$python" >/dev/null 2>&1; then
        found=$python
        break
    fi
done < <(candidates)

if [[ -z $found ]]; then
    mkdir -p build/skipped
    echo "the newest ansible-core needs Python 3.12 or newer with venv; none is on PATH or in pyenv" |
        tee "build/skipped/$target" | sed "s/^/$target: skipped: /" >&2
    exit 0
fi

venv=build/venv-newest
if ! works "$venv/bin/python" >/dev/null 2>&1; then
    rm -rf "$venv"
    "$found" -m venv "$venv"
fi
pip=("$venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" --requirement requirements-dev.txt
"${pip[@]}" --upgrade ansible-core
PATH=$PWD/$venv/bin:$PATH
echo "$target: $(python --version), ansible-core $(python -c 'import ansible.release as r; print(r.__version__)')"
exec "$@"
