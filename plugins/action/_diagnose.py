# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the tunnels to examine, or find out from their ends' answers why they carry no traffic.

The logic is in ``plugin_utils/_doctor``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.answers import read_answers
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.diagnosis import Diagnosis, diagnose
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.questions import (
    Entry,
    choose_tunnels,
    list_questions,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.doctor import (
    render_diagnosis,
    render_diagnosis_json,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import Plans, ping_targets
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import write_report

TABLE, JSON = "table", "json"
ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "questions": {"type": "dict"},
    "answers": {"type": "str"},
    "format": {"type": "str", "choices": [TABLE, JSON], "default": TABLE},
    "path": {"type": "path"},
}
_NONCE_BYTES = 16
NO_TUNNEL = (
    "none of these hosts has a tunnel to another host; while the registry lacks the public key of a host, it has none"
)


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        plans: Plans = arguments["plan"]["hosts"]
        tunnels = choose_tunnels(plans, arguments["hosts"])
        if not tunnels:
            return {**result, "failed": True, "msg": NO_TUNNEL}
        if arguments["answers"] is None:

            def list_targets(entry: Entry, among: Collection[str], host: str) -> Iterable[Mapping[str, str]]:
                return ping_targets(entry, plans, among, host)

            questions = list_questions(tunnels, list_targets, os.urandom(_NONCE_BYTES).hex())
            return {**result, "changed": False, "questions": questions, "hosts": sorted(questions)}
        hostvars = (task_vars or {})["hostvars"]
        questions = arguments["questions"] or {}
        registered = {host: hostvars.raw_get(host).get(arguments["answers"]) for host in questions}
        diagnosis = diagnose(tunnels, read_answers(questions, registered))
        try:
            return {**result, **self._tell(diagnosis, arguments)}
        except (InputError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _tell(self, diagnosis: Diagnosis, arguments: Mapping[str, Any]) -> dict[str, Any]:
        saved = render_diagnosis_json(diagnosis)
        text = saved if arguments["format"] == JSON else "\n".join(["", *render_diagnosis(diagnosis), ""])
        self._display.display(text)
        findings = [finding._asdict() for finding in diagnosis.findings]
        told: dict[str, Any] = {"changed": False, "findings": findings}
        if arguments["path"]:
            told.update(write_report(arguments["path"], saved, self._task.check_mode))
        if findings:
            told.update(failed=True, msg=f"findings: {len(findings)}; the first is {findings[0]['code']}")
        return told
