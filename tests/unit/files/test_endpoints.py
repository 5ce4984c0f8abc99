# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of the endpoints that were applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import (
    forget_endpoints,
    load_endpoints,
    record_endpoints,
    remember,
)

ONE, TWO = (PublicKey(bytes([n]) * 32) for n in (1, 2))
OLD, NEW = "192.0.2.1:51820", Endpoint("hub.example.org", 51820)


def wanting(*peers: DesiredPeer) -> DesiredInterface:
    return DesiredInterface("wg0", peers=peers)


@pytest.mark.parametrize(
    ("desired", "present", "unresolved", "expected"),
    [
        pytest.param(wanting(DesiredPeer(ONE, endpoint=NEW)), {ONE}, (), {ONE: str(NEW)}, id="applied"),
        pytest.param(wanting(DesiredPeer(ONE, endpoint=NEW)), {ONE}, {NEW}, {ONE: OLD}, id="not resolved"),
        pytest.param(wanting(DesiredPeer(TWO, endpoint=NEW)), {ONE, TWO}, {NEW}, {ONE: OLD}, id="new, not resolved"),
        pytest.param(wanting(DesiredPeer(ONE)), {ONE}, (), {ONE: OLD}, id="no endpoint given"),
        pytest.param(DesiredInterface("wg0"), {ONE}, (), {ONE: OLD}, id="no peers given"),
        pytest.param(wanting(DesiredPeer(TWO)), {ONE, TWO}, (), {ONE: OLD}, id="another one given"),
        pytest.param(wanting(DesiredPeer(TWO)), {TWO}, (), {}, id="removed"),
    ],
)
def test_what_was_applied_last_is_remembered(
    desired: DesiredInterface, present: set[PublicKey], unresolved: set[Endpoint], expected: dict[PublicKey, str]
) -> None:
    assert remember(desired, {ONE: OLD}, present, unresolved) == expected


def test_it_is_written_when_it_is_news_and_read_back(tmp_path: Path) -> None:
    directory = str(tmp_path / "own")
    assert load_endpoints("wg0", directory) == {}
    record_endpoints("wg0", {}, {}, directory)
    forget_endpoints("wg0", directory)
    assert not (tmp_path / "own").exists()
    record_endpoints("wg0", {ONE: OLD}, {}, directory)
    (file,) = (tmp_path / "own").iterdir()
    written = file.stat().st_mtime_ns
    assert load_endpoints("wg0", directory) == {ONE: OLD}
    record_endpoints("wg0", {ONE: OLD}, {ONE: OLD}, directory)
    assert file.stat().st_mtime_ns == written
    record_endpoints("wg0", {}, {ONE: OLD}, directory)
    assert load_endpoints("wg0", directory) == {}
    forget_endpoints("wg0", directory)
    assert list((tmp_path / "own").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"x": "y"}', "{"])
def test_a_spoilt_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "wg0.endpoints.json").write_text(text)
    assert load_endpoints("wg0", str(tmp_path)) == {}
