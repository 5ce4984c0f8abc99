# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns of the registry: the public facts of a network that outlive a run."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class MemberRecord(NamedTuple):
    """What the registry knows of one member, host or client. ``None`` and empty: not known yet.

    ``addresses`` are bare, without a prefix length; ``hub`` is the name of the home hub. ``first_seen`` and
    ``last_seen`` are the days on which the member's key was reported, as ISO 8601 dates. ``key_since`` is the day from
    which on it is the present one, where it is another than the first. ``next_public_key`` is what it is to change to.
    ``former_hubs``: the home hubs that it had before with this key, and that may still have it as a peer.
    """

    public_key: str | None = None
    addresses: tuple[str, ...] = ()
    hub: str | None = None
    first_seen: str | None = None
    last_seen: str | None = None
    key_since: str | None = None
    next_public_key: str | None = None
    former_hubs: tuple[str, ...] = ()

    @property
    def since(self) -> str | None:
        """The day since which the key has been in use, None if that is not known."""
        return (self.key_since or self.first_seen) if self.public_key else None

    def key_age(self, today: datetime.date) -> int | None:
        """How many days the key has been in use, None if that is not known."""
        return (today - datetime.date.fromisoformat(self.since)).days if self.since else None


class Former(NamedTuple):
    """A key that has left its network: whose it was, and since which day, as an ISO 8601 date.

    ``hosts``: those that may still have it as a peer. It is for reports only: every host is to remove it.
    """

    name: str
    left: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Records:
    """All that is known of one network. ``resting``: an address that was freed, to the day on which it was.

    ``former``: each public key that has left. None is ever forgotten, so that none comes back unasked.
    """

    members: Mapping[str, MemberRecord] = field(default_factory=dict)
    resting: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, Former] = field(default_factory=dict)
