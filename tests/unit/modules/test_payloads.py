# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible sends to a host for a module stays small."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.cryptokey.wireguard.tests.bench.payloads import AIMS, measure

# Larger than what is aimed at: config reads the running handshakes of peers that change their keys, and interface has
# all that it takes to roll a change back. member reads, compares and writes all of it. Each of them can have a table.
LIMITS = {**AIMS, "member": 405, "config": 290, "interface": 407, "interface_info": 289}


def test_payloads_stay_below_their_limits(tmp_path: Path) -> None:
    sizes = measure(LIMITS, tmp_path)
    assert sizes.keys() == LIMITS.keys()
    assert {name: size for name, size in sizes.items() if size > LIMITS[name]} == {}
