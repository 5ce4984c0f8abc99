# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback plugin that writes which tasks a run has started on each host. See ``runs.counting``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: executions
type: aggregate
short_description: List the tasks that were started on each host
description: For the tests and the bench.
options:
  path:
    description: The JSON file to write, host to names of tasks.
    required: true
    env: [{name: EXECUTIONS_PATH}]
"""

import json
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """A skipped task counts too, as it costs a process. A task that runs once for all hosts does not."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "executions"

    def __init__(self) -> None:
        super().__init__()
        self.started: dict[str, list[str]] = {}

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if not task.run_once:
            self.started.setdefault(host.name, []).append(task.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        Path(self.get_option("path")).write_text(json.dumps(self.started))
