# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel with the answers of both ends, looked at from one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import SESSION_SECONDS

from .answers import Examination, ExaminedPeer, Seen
from .questions import PlannedEnd

RESPONSE = 2
# Handshakes that are not answered are repeated every five seconds. So long both ends must have watched together.
_TOGETHER_SECONDS = 3.0
# Hosts that are asked in one task, but whose clocks are further apart than this, have clocks that differ.
_FAR_APART_SECONDS = 600.0


class ExaminedEnd(NamedTuple):
    """``found`` is None if the host has no valid answer, and ``problem`` then says why."""

    planned: PlannedEnd
    found: Examination | None
    problem: str = ""

    @property
    def host(self) -> str:
        return self.planned.host

    @property
    def interface(self) -> str:
        return self.planned.interface

    @property
    def options(self) -> Any:
        return self.planned.entry["options"]

    @property
    def runs(self) -> Examination | None:
        """The answer of a WireGuard interface that is up."""
        return self.found if self.found and self.found.up else None

    @property
    def peers(self) -> Sequence[ExaminedPeer]:
        """The other end among the peers that run here; two while it changes its key."""
        return [peer for peer in self.listed if peer.public_key]

    @property
    def listed(self) -> Sequence[ExaminedPeer]:
        return self.found.peers.get(self.planned.peer["name"], ()) if self.found else ()

    @property
    def endpoint(self) -> Endpoint | None:
        """Where this end sends to."""
        return next((peer.endpoint for peer in self.peers if peer.endpoint), None)

    @property
    def planned_endpoint(self) -> Endpoint | None:
        text = self.planned.peer.get("endpoint")
        return parse_endpoint(text) if text else None

    @property
    def has_session(self) -> bool:
        return bool(
            self.found and any(self.found.ended - peer.latest_handshake <= SESSION_SECONDS for peer in self.peers)
        )

    @property
    def carries(self) -> bool:
        """Whether all pings are answered; without any, whether there is a session."""
        sizes = [size for peer in self.listed for size in peer.pings.values()]
        return bool(self.runs and self.peers) and (all(sizes) if sizes else self.has_session)


class TunnelView(NamedTuple):
    """What ``near`` sends to ``far``."""

    near: ExaminedEnd
    far: ExaminedEnd

    @property
    def flipped(self) -> TunnelView:
        return TunnelView(self.far, self.near)

    @property
    def carries(self) -> bool:
        """Whether the ends that were asked have nothing to complain about; False if none was."""
        asked = [end for end in self if end.found]
        return bool(asked) and all(end.carries for end in asked)

    def sent(self) -> list[Seen]:
        """What the near end saw leave for the far one."""
        target = self.near.endpoint
        seen = (self.near.runs.seen if self.near.runs else None) or ()
        host = target.host.partition("%")[0] if target else ""
        return [each for each in seen if target and each.leaves and (each.host, each.port) == (host, target.port)]

    def arrived(self) -> list[Seen]:
        """That of it which the far end saw arrive, as it arrived there."""
        messages = {each.message for each in self.sent()}
        seen = (self.far.found.seen if self.far.found else None) or ()
        return [each for each in seen if not each.leaves and each.message in messages]

    @property
    def watched_together(self) -> bool:
        """Whether both ends captured at the same time, as they do if both are asked at once."""
        near, far = self.near.found, self.far.found
        if not near or not far or near.seen is None or far.seen is None:
            return False
        together = min(near.ended, far.ended) - max(near.started, far.started)
        return together >= _TOGETHER_SECONDS or together < -_FAR_APART_SECONDS

    def matched(self) -> Iterator[tuple[ExaminedPeer, ExaminedPeer]]:
        """The entries of both ends for each other, with the keys that run."""
        for mine in self.near.peers:
            for theirs in self.far.peers:
                near, far = self.near.found, self.far.found
                if near and far and (mine.public_key, theirs.public_key) == (far.public_key, near.public_key):
                    yield mine, theirs
