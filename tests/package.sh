#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Builds the tarball, installs it where no other copy of the collection is in reach, and looks what is there. Has it
# checked as Ansible Galaxy does, and runs the README's commands with it.
set -euo pipefail
shopt -s nullglob

root=$PWD

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
allowed=(CHANGELOG.md CONTRIBUTING.md COPYING FILES.json LICENSES MANIFEST.json README.md bindep.txt changelogs docs meta
    playbooks plugins requirements.txt roles)
for name in $(tar -tf cryptokey-wireguard-*.tar.gz | cut -d/ -f1 | sort -u); do
    [[ " ${allowed[*]} " == *" $name "* ]] || fail "$name does not belong into the tarball"
done

# Every module, filter, role and playbook that users call is found.
for path in source/plugins/{modules,filter}/[!_]*.py source/roles/*/; do
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

# Ansible Galaxy has nothing to say about it. The importer succeeds in spite of warnings, and of some errors.
python -m galaxy_importer.main ./cryptokey-wireguard-*.tar.gz >importer.log 2>&1 || {
    cat importer.log >&2
    fail "galaxy-importer fails"
}
if grep -E '^(WARNING|ERROR|CRITICAL):' importer.log >&2; then
    fail "galaxy-importer has warnings or errors, see above"
fi

# An execution environment gets just what the two files list.
list() { sed -E 's/ *#.*//; /^$/d' "$1" | sort; }
ansible-builder introspect "$out/installed" --write-pip ee-requirements.txt --write-bindep ee-bindep.txt >/dev/null
for name in requirements bindep; do
    diff <(list "source/$name.txt") <(list "ee-$name.txt") >&2 || fail "ansible-builder reads $name.txt differently"
done
bindep --file ee-bindep.txt --list newline >/dev/null || fail "bindep cannot read bindep.txt"

python "$root/tests/readme.py" ./cryptokey-wireguard-*.tar.gz
echo package: ok
