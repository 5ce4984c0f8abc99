#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Confirm or roll back a provisional change of a WireGuard interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A change that M(cryptokey.wireguard.interface) makes with O(cryptokey.wireguard.interface#module:confirm) is
    provisional. The host rolls it back unless it is confirmed in time. A task of that module confirms its change
    itself, over a new connection. Use this module to confirm a change in another task, or to roll it back earlier.
  - Before a change is confirmed, the tunnels that it affects must carry traffic. A new peer must answer if this host
    has its endpoint and a persistent keepalive; on a new interface, at least one such peer must answer. A peer that had
    a session and whose options have changed must answer. If the interface itself has changed, each such peer that had a
    session must answer, and at least one of the other peers that had one.
  - The module sends a packet into these tunnels, and their peers answer. It waits for the answers until 5 seconds
    before the change is rolled back.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
    details:
      - Waits for the tunnels as well.
  diff_mode:
    support: none
options:
  interface:
    description:
      - The name of the WireGuard interface.
    type: str
    required: true
  change:
    description:
      - The name of the change, as M(cryptokey.wireguard.interface) returns it.
      - If not given, it is the change that is pending.
    type: str
  state:
    description:
      - What to do with the change.
      - V(confirmed) keeps the change. The module fails if no change is pending.
      - V(rolled_back) restores the previous state now. If the host has already rolled the change back, the module
        returns what was restored and changes nothing. If not all can be restored, the module fails and the host tries
        again.
      - V(reported) changes nothing. It returns the pending change, and what was rolled back last.
    type: str
    choices: [confirmed, rolled_back, reported]
    default: confirmed
seealso:
  - module: cryptokey.wireguard.interface
"""

EXAMPLES = r"""
- name: Change the port, and roll back after two minutes unless another task confirms the change
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 51821
    confirm: always
    confirm_timeout: 120
  async: 100
  poll: 5

- name: Confirm the change
  cryptokey.wireguard.confirm:
    interface: wg0

- name: Roll back now
  cryptokey.wireguard.confirm:
    interface: wg0
    state: rolled_back
"""

RETURN = r"""
tunnels:
  description: The names or public keys of the peers whose tunnels were required to carry traffic, and did.
  returned: success
  type: list
  elements: str
  sample: [hub]
rolled_back:
  description: What was rolled back, now or before. It is null if nothing was.
  returned: O(state=rolled_back) and O(state=reported)
  type: dict
  contains:
    change:
      description: The name of the change.
      type: str
      sample: 5b1f0c6d2a9e4837
    date:
      description: When it was rolled back, by the clock of the host.
      type: str
      sample: "2026-11-25T02:30:00Z"
    seconds_ago:
      description: How many seconds ago it was rolled back, by the clock of the host.
      type: int
      sample: 12
    changes:
      description: What was restored, as lines of text in order.
      type: list
      elements: str
      sample: ["peer hub (zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=): set endpoint 192.0.2.1:51820"]
    operations:
      description:
        - The same as data, in the form of RV(cryptokey.wireguard.interface#module:operations). At most the first 1000
          are returned.
      type: list
      elements: dict
    problem:
      description: Why not all of it was restored. Empty if all was.
      type: str
      sample: ""
pending:
  description: The change that is neither confirmed nor completely rolled back. It is null if there is none.
  returned: O(state=rolled_back) and O(state=reported)
  type: dict
  contains:
    change:
      description: The name of the change.
      type: str
      sample: 5b1f0c6d2a9e4837
    deadline:
      description: When it is rolled back, by the clock of the host.
      type: str
      sample: "2026-11-25T02:30:00Z"
    seconds_left:
      description: The number of seconds until then. It is zero or less when the rollback has begun.
      type: int
      sample: 48
    seconds_ago:
      description: How many seconds ago the change was made, by the clock of the host.
      type: int
      sample: 12
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.confirm import (
    ConfirmError,
    ConfirmResult,
    confirm,
    ensure_rolled_back,
    read_unconfirmed,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.pending import describe_pending

ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "change": {"type": "str"},
    "state": {"type": "str", "choices": ["confirmed", "rolled_back", "reported"], "default": "confirmed"},
}


def result_of(answer: ConfirmResult, state: str) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": answer.changed, "tunnels": answer.tunnels}
    report = answer.report
    if state != "confirmed":
        result["pending"] = answer.pending and describe_pending(answer.pending)
        result["rolled_back"] = report and {
            "change": report.change,
            "date": report.date,
            "seconds_ago": max(0, round(time.time() - report.at)),
            "changes": report.changes,
            "operations": report.operations,
            "problem": report.problem,
        }
    return result


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    state = module.params["state"]
    try:
        if state == "reported":
            answer = read_unconfirmed(module.params)
        else:
            answer = (ensure_rolled_back if state == "rolled_back" else confirm)(module.params, module.check_mode)
    except (InputError, ConfirmError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in answer.warnings:
        module.warn(warning)
    result = result_of(answer, state)
    if state == "rolled_back" and answer.report and answer.pending:
        problem = f"not all of the previous state is restored: {answer.report.problem}"
        module.fail_json(msg=f"{answer.pending.interface}: {problem}. The host and the next run try again", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
