# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers of which nearly all are known to stay as they are, so that the others alone need to be looked at."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from .interface import RunningPeer
from .keys import PublicKey


class Proven(NamedTuple):
    """``keys``: the running peers that are shown to be as wanted. ``others``: all other running peers."""

    keys: Collection[bytes]
    others: Mapping[PublicKey, RunningPeer]


class PatchedPeers(Mapping[PublicKey, RunningPeer]):
    """The peers of ``base`` with ``wanted`` in the place of ``others``, which are some of them."""

    def __init__(
        self,
        base: Mapping[PublicKey, RunningPeer],
        others: Mapping[PublicKey, RunningPeer],
        wanted: Mapping[PublicKey, RunningPeer],
    ) -> None:
        self.base = base
        self.others = others
        self.wanted = wanted

    @cached_property
    def _peers(self) -> Mapping[PublicKey, RunningPeer]:
        staying = {key: peer for key, peer in self.base.items() if key not in self.others}
        return {**staying, **self.wanted}

    def __getitem__(self, key: PublicKey) -> RunningPeer:
        return self.wanted[key] if key in self.wanted else self._peers[key]

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self.base) - len(self.others) + len(self.wanted)

    # That of Mapping is slow.
    def items(self) -> ItemsView[PublicKey, RunningPeer]:
        return self._peers.items()
