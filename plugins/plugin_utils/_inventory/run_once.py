# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible treats the actions of the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .without_facts import without_facts


class RunOnce:
    """For an action that runs once, on the controller, for all hosts of the play. It goes before ActionBase."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    # Of ActionBase.
    _task: Any
    _templar: Any

    def operators_variables(
        self, task_vars: Mapping[str, Any] | None, literal: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """The variables of the task without hosts' facts, for reading and for templating. Raises FleetError.

        ``literal`` are options with which a host could do no harm, if it were able to set them.
        """
        variables = without_facts(task_vars or {}, self._task, literal)
        self._templar.available_variables = variables
        return variables
