#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
#   GALAXY_TOKEN=... tests/publish.sh TARBALL
#
# Publishes what make release has built, if it was built from the commit that has the version's tag.
# ansible-galaxy reads the token from a file, so that no list of processes shows it.
set -euo pipefail

fail() {
    echo "publish: $*" >&2
    exit 1
}

: "${GALAXY_TOKEN:?publish: set it to a token of Ansible Galaxy}"
[[ -n $(git tag --points-at HEAD) ]] || fail "the current commit has no tag: tag it with the version in galaxy.yml"
[[ -z $(git status --porcelain) ]] || fail "the working copy has changes: commit them, and tag that commit"

ANSIBLE_GALAXY_TOKEN_PATH=$(mktemp)
export ANSIBLE_GALAXY_TOKEN_PATH
trap 'rm -f "$ANSIBLE_GALAXY_TOKEN_PATH"' EXIT
python -c 'import json, os; print(json.dumps({"token": os.environ["GALAXY_TOKEN"]}))' >"$ANSIBLE_GALAXY_TOKEN_PATH"
unset GALAXY_TOKEN
ansible-galaxy collection publish "$1"
