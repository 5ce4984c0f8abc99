# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record public keys in the registry. The logic is in ``plugin_utils/_plan``."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.outcome import Findings
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.result import keys_result

from ._registry import PUBLIC_ARGUMENTS
from ._registry import ActionModule as RegistryOfRun


class ActionModule(RegistryOfRun):
    arguments = PUBLIC_ARGUMENTS
    literal = frozenset()

    def result_of(self, findings: Findings, _play_hosts: list[str]) -> dict[str, Any]:
        """The plan by the new records is for ``plan`` to return."""
        return {"changed": bool(findings.changed), "diff": findings.diff, **keys_result(findings)}
