# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether a public key that a host reports is accepted. Pure.

This is security policy: peers let in the keys that are accepted here. The tables in the documentation, section "When a
changed key is accepted", have a row for every case, and a test compares them with these functions.
"""

from __future__ import annotations

from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from .._registry.member_record import MemberRecord


class Verdict(Enum):
    """What happens to a reported key. Only ``ACCEPT`` and ``REJECT`` differ from what earlier runs have recorded."""

    KEEP = "keep"  # Nothing new was reported: the recorded key stays.
    ACCEPT = "accept"  # The reported key is recorded, and the peers get it.
    REJECT = "reject"  # The reported key is not recorded, and the run warns.
    DROP = "drop"  # No next key is recorded any more. The run does not warn.


class KeyPolicy(NamedTuple):
    """What decides besides the keys themselves.

    ``former``: the public keys that have left the network. ``accept_changed``: whether the operator accepts any key of
    this member, with ``wireguard_accept_changed_keys``. ``rotating``: whether this run rotates keys.
    """

    former: Container[str]
    accept_changed: bool = False
    rotating: bool = False


def judge_key(reported: str | None, known: MemberRecord, policy: KeyPolicy) -> Verdict:
    """Judge the key that a host uses now. ``reported`` is None if the host did not report one in this run."""
    if not reported or reported == known.public_key:
        return Verdict.KEEP
    if policy.accept_changed:
        return Verdict.ACCEPT
    if reported in policy.former:
        return Verdict.REJECT
    return Verdict.ACCEPT if reported == known.next_public_key or not known.public_key else Verdict.REJECT


def judge_next_key(reported: str | None, known: MemberRecord, policy: KeyPolicy) -> Verdict:
    """Judge the key that a host has made to take the place of its present one. Its present key is accepted."""
    if not reported:
        return Verdict.DROP
    if reported in policy.former and not policy.accept_changed:
        return Verdict.REJECT
    if reported == known.next_public_key:
        return Verdict.KEEP
    return Verdict.ACCEPT if policy.rotating else Verdict.DROP
