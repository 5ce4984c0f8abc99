# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what was found and what was adopted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .._inventory.errors import FleetError, HostError, list_names
from .found import FoundInterface
from .recognise import Proposal

_SHOWN = 12


def report(
    proposals: Iterable[Proposal],
    found: Iterable[FoundInterface],
    notes: Sequence[str],
    paths: Sequence[str],
    problems: Sequence[HostError] = (),
) -> str:
    """Return the report. ``paths``: the new or changed files. ``problems``: why something is not adopted."""
    lines = [line for proposal in proposals for line in _network(proposal)] or ["No WireGuard network was found."]
    if problems:
        lines += [
            "",
            "Not adopted, and left unchanged:",
            *(f"  {line}" for line in str(FleetError(problems)).splitlines()),
        ]
    kept = [f"  {each.host} {each.path}: {line}" for each in found for line in each.kept]
    if kept:
        lines += ["", "Kept unchanged in their files, for you to manage:", *kept]
    comments = [f"  {each.host} {each.path}: {line}" for each in found for line in each.comments]
    if comments:
        lines += ["", "Comments, which are lost when site.yml writes the files:", *comments]
    routes = [f"  {each.host} {each.interface}: {list_names(each.routes, _SHOWN)}" for each in found if each.routes]
    if routes:
        lines += ["", "Routes that no peer needs, which stay (wireguard_keep_routes):", *routes]
    if notes:
        lines += ["", "Differences and things to check:", *(f"  {note}" for note in notes)]
    lines += ["", "Files:", *(f"  {path}" for path in paths or ["nothing to change"])]
    return "\n".join(lines)


def _network(proposal: Proposal) -> Iterator[str]:
    component = proposal.component
    yield f"Network {component.name}: {proposal.topology}, {', '.join(map(str, component.prefixes))}"
    yield f"  hosts: {list_names(sorted(component.members), _SHOWN)}"
    if component.strangers:
        names = [stranger.name for stranger in component.strangers]
        yield f"  clients (peers that are not adopted hosts): {list_names(names, _SHOWN)}"
    for host, options in sorted(proposal.hosts.items()):
        said = options.get("peers", {})
        if said:
            yield f"  {host} sets in wireguard_peers: {list_names(sorted(said), _SHOWN)}"
