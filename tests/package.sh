#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Builds the tarball, installs it where no other copy of the collection is in reach, and looks what is there.
set -euo pipefail
shopt -s nullglob

fail() {
    echo "package: $*" >&2
    exit 1
}

out=$PWD/build/package
rm -rf "$out"
bash tests/copy.sh "$out/source"
ansible-galaxy collection build --output-path "$out" "$out/source"
cd "$out"
export ANSIBLE_COLLECTIONS_PATH=$out/installed
ansible-galaxy collection install --offline ./cryptokey-wireguard-*.tar.gz

# Nothing in it is for developers only.
allowed=' CHANGELOG.md CONTRIBUTING.md COPYING FILES.json LICENSES MANIFEST.json README.md changelogs docs meta playbooks plugins roles '
for name in $(tar -tf cryptokey-wireguard-*.tar.gz | cut -d/ -f1 | sort -u); do
    [[ $allowed == *" $name "* ]] || fail "$name does not belong into the tarball"
done

# Every module, filter, role and playbook is found.
for path in source/plugins/{modules,filter}/*.py source/roles/*/; do
    name=cryptokey.wireguard.$(basename "$path" .py)
    type=$(basename "$(dirname "$path")")
    ansible-doc --type "${type%s}" --json "$name" | grep -qF "\"$name\": {" ||
        fail "ansible-doc does not find the ${type%s} $name"
done
for path in source/playbooks/*.yml; do
    name=cryptokey.wireguard.$(basename "$path" .yml)
    ansible-playbook --syntax-check -i localhost, -e wireguard_hosts=all "$name" >/dev/null ||
        fail "the playbook $name cannot be read"
done
echo package: ok
