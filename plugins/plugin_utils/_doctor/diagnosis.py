# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out why tunnels do not carry traffic, from what their ends answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .answers import HostAnswer
from .cause import Cause
from .causes import CAUSES
from .questions import PlannedEnd, PlannedTunnel
from .tunnel import ExaminedEnd, TunnelView

_ORDER = {cause.code: place for place, cause in enumerate(CAUSES)}


class Finding(NamedTuple):
    """``peer`` is empty for what concerns a host as a whole. ``text`` says what is wrong, ``remedy`` what to do."""

    code: str
    network: str
    host: str
    peer: str
    text: str
    remedy: str


class Diagnosis(NamedTuple):
    """``findings`` are sorted from the bottom up, so the first one is to be looked at first. ``up`` counts tunnels
    that carry traffic, of ``total``. ``notes``: hosts that could not be asked."""

    findings: list[Finding]
    up: int
    total: int
    notes: list[str]


def diagnose(tunnels: Iterable[PlannedTunnel], answers: Mapping[str, HostAnswer]) -> Diagnosis:
    """``answers``: host to what it answered, or why not."""
    found: dict[Finding, None] = {}
    up = total = 0
    for tunnel in tunnels:
        view = TunnelView(_examined(tunnel.one, answers), _examined(tunnel.other, answers))
        found.update(dict.fromkeys(_diagnose_tunnel(tunnel.network, view)))
        up += view.carries
        total += 1
    findings = sorted(found, key=lambda finding: (_ORDER[finding.code], finding.network, finding.host, finding.peer))
    silent = ((host, answer) for host, answer in sorted(answers.items()) if isinstance(answer, str))
    notes = [f"{host} could not be asked: {answer}" for host, answer in silent]
    return Diagnosis(findings, up, total, notes)


def _examined(planned: PlannedEnd, answers: Mapping[str, HostAnswer]) -> ExaminedEnd:
    answer = answers.get(planned.host, "it was not asked")
    if isinstance(answer, str):
        return ExaminedEnd(planned, None, answer)
    return ExaminedEnd(planned, answer.get(planned.interface))


def _diagnose_tunnel(network: str, view: TunnelView) -> Iterable[Finding]:
    """The first cause, and what is wrong besides."""
    is_known = False
    for cause in CAUSES:
        if (view.carries and not cause.always) or (is_known and not cause.apart):
            continue
        findings = list(_find(network, cause, view))
        yield from findings
        is_known |= bool(findings) and not cause.apart


def _find(network: str, cause: Cause, view: TunnelView) -> Iterator[Finding]:
    """What concerns a host is looked for at both ends. What concerns the tunnel is said once."""
    for each in (view, view.flipped):
        told = cause.find(each)
        if told and told.host:
            yield Finding(cause.code, network, told.host, "", told.text, told.remedy)
        elif told:
            yield Finding(cause.code, network, each.near.host, each.far.host, told.text, told.remedy)
            return
