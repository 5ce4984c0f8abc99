# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what is found out about tunnels that carry no traffic, as lines for people or as JSON. Pure."""

from __future__ import annotations

import json

from .._doctor.diagnosis import Diagnosis, Finding


def render_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """One line for each finding, from the bottom up, and one for all tunnels."""
    networks = {finding.network for finding in diagnosis.findings}
    return [
        *(_line(finding, len(networks) > 1) for finding in diagnosis.findings),
        *(f"Note: {note}" for note in diagnosis.notes),
        _summary(diagnosis),
    ]


def _line(finding: Finding, with_network: bool) -> str:
    where = f"{finding.host} -> {finding.peer}" if finding.peer else finding.host
    network = f" ({finding.network})" if with_network else ""
    return f"{where}{network}: {finding.text}. To correct it, {finding.remedy}. [{finding.code}]"


def _summary(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings and diagnosis.up == diagnosis.total:
        tunnels = "the tunnel carries" if diagnosis.total == 1 else f"all {diagnosis.total} tunnels carry"
        return f"Nothing found: {tunnels} traffic."
    return f"Tunnels: {diagnosis.total}, of which carry traffic: {diagnosis.up}. Findings: {len(diagnosis.findings)}."


def render_diagnosis_json(diagnosis: Diagnosis) -> str:
    findings = [finding._asdict() for finding in diagnosis.findings]
    return json.dumps({"schema": 1, **diagnosis._asdict(), "findings": findings}, indent=2, sort_keys=True) + "\n"
