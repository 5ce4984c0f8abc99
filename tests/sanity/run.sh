#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs the sanity tests of the ansible-test that is first on PATH. It wants real files below a folder of this name, and
# no ignore file hides what it finds.
set -euo pipefail

copy=build/sanity/ansible_collections/cryptokey/wireguard
rm -rf "$copy"
git init --quiet --initial-branch=main "$copy"
bash tests/copy.sh "$copy"
python tests/sanity/bootstrap.py
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cd "$copy"
exec ansible-test sanity --local --requirements --color no --python "$version"
