# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of the namespace that an interface was put into."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.last_netns import (
    load_last_netns,
    record_last_netns,
)


def test_it_is_kept_for_each_interface_and_goes_with_the_hosts_own(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    record_last_netns("wg0", "", str(directory))
    assert not directory.exists()
    record_last_netns("wg0", "vpn", str(directory))
    record_last_netns("wg1", "other", str(directory))
    assert [load_last_netns(name, str(directory)) for name in ("wg0", "wg1", "wg2")] == ["vpn", "other", ""]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    written = (directory / "wg0.netns").stat().st_ino
    record_last_netns("wg0", "vpn", str(directory))
    assert (directory / "wg0.netns").stat().st_ino == written
    record_last_netns("wg0", "", str(directory))
    assert [path.name for path in directory.iterdir()] == ["wg1.netns"]


@pytest.mark.parametrize("text", [b"", b"a/b\n", b"\xff\n", b"vpn\nvpn\n"])
def test_what_cannot_be_read_is_the_hosts_own(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "wg0.netns").write_bytes(text)
    assert load_last_netns("wg0", str(tmp_path)) == ""
