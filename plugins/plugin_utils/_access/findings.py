# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what a run has found out about its networks against the tests of their policies."""

from __future__ import annotations

from collections.abc import Sequence

from .._plan.outcome import Findings
from .machines import Planned
from .reach import Reach
from .run_tests import check_policies


def check_findings(findings: Findings, leaving: Sequence[str] = ()) -> list[str]:
    """Run the tests of all policies, and return warnings. Raises FleetError with all tests that fail.

    ``leaving``: the hosts without which the inventory was read.

    Networks without a policy cost nothing.
    """
    if not any(outcome.network.policy for outcome in findings.outcomes):
        return []
    checked = check_policies(reach_of(findings), leaving)
    checked.problems.refuse()
    return checked.warnings


def reach_of(findings: Findings) -> Reach:
    """The networks as they are once all keys are known."""
    known = findings.assuming_keys() if findings.unknown_keys else findings
    return Reach([Planned(outcome.reconciled.network, outcome.plan) for outcome in known.outcomes])
