#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
#   tests/copy.sh FOLDER
#
# Copies what a commit of everything would hold, so that no stray file of a working copy gets in.
set -euo pipefail

mkdir -p "$1"
git ls-files -coz --exclude-standard |
    while IFS= read -rd '' file; do
        if [[ -e $file ]]; then printf '%s\0' "$file"; fi
    done |
    xargs -0 cp --parents --no-dereference --target-directory "$1"
