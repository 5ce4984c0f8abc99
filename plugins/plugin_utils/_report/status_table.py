# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a status document in the terminal: the table of tunnels, a summary, and what to do about those that are down."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .columns import shorten
from .running_status import NO_ANSWER, NO_KEYS
from .status_document import DOWN, UNKNOWN, UP, MemberStatus, StatusDocument
from .tunnels import Tunnel, count_tunnels, list_tunnels, render_tunnels, sort_tunnels

DRIFT = "drift"
ONLY = (UP, DOWN, UNKNOWN, DRIFT)
_WIDTH = 80


class StatusTable(NamedTuple):
    """``lines`` are for the terminal. The numbers count the tunnels of the hosts that were asked, before any filter."""

    lines: list[str]
    up: int
    down: int
    unknown: int
    warnings: list[str]

    @property
    def total(self) -> int:
        return self.up + self.down + self.unknown


def make_table(document: StatusDocument, hosts: Sequence[str], only: str | None, sort: str) -> StatusTable:
    """Show the tunnels of these hosts. ``only`` is one of ``ONLY``, ``sort`` one of ``tunnels.SORTS``."""
    rows = list_tunnels(document, hosts)
    asked = set(hosts)
    members = [each for each in document["members"] if each["name"] in asked and each["kind"] != "client"]
    kept = _filter(rows, only, members) if only else rows
    lines = render_tunnels(sort_tunnels(kept, sort)) if kept or not only else [f"No tunnel is {only}."]
    if only == DRIFT and not kept:
        lines = ["No host differs from the plan."]
    more = [*_summary(rows, members), *_doctor(rows)]
    problems = [f"{each['name']}: {each['problem']}" for each in members if _is_invalid(each)]
    return StatusTable([*lines, *(["", *more] if more else [])], *count_tunnels(rows), list(dict.fromkeys(problems)))


def _is_invalid(member: MemberStatus) -> bool:
    """Whether its problem is an answer that was refused."""
    return bool(member["problem"]) and not member["problem"].startswith((NO_ANSWER, NO_KEYS))


def _filter(rows: Iterable[Tunnel], only: str, members: Iterable[MemberStatus]) -> list[Tunnel]:
    if only == DRIFT:
        drifted = {(each["network"], each["name"]) for each in members if each["drift"]}
        return [row for row in rows if (row.network, row.host) in drifted]
    return [row for row in rows if row.state == only]


def _summary(rows: Sequence[Tunnel], members: Iterable[MemberStatus]) -> Iterator[str]:
    """Count the tunnels if there are many, and name the hosts that differ from the plan."""
    if len(rows) > 20:
        up, down, unknown = count_tunnels(rows)
        yield f"{up:,} of {len(rows):,} tunnels are up, {down:,} down, {unknown:,} unknown."
    drifted = list(dict.fromkeys(each["name"] for each in members if each["drift"]))
    if drifted:
        yield (
            f"Drift on {shorten(drifted, _WIDTH)}. See what differs: ansible-playbook cryptokey.wireguard.drift"
            f" -e {_choose(drifted)}"
        )


def _doctor(rows: Iterable[Tunnel]) -> list[str]:
    """The command that finds out why tunnels are down."""
    down = list(dict.fromkeys(row.host for row in rows if row.state == DOWN))
    command = "ansible-playbook cryptokey.wireguard.doctor"
    return [f"Find out why a tunnel is down: {command} -e {_choose(down)}"] if down else []


def _choose(hosts: Sequence[str]) -> str:
    """The variable that chooses hosts, for a shell; only the first ones, if there are many."""
    return shlex.quote(f"wireguard_hosts={','.join(hosts[:5])}")
