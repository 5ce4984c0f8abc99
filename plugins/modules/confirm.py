#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Confirm a provisional change of a WireGuard interface, or roll it back
version_added: 0.2.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A change that M(cryptokey.wireguard.interface) has made with O(cryptokey.wireguard.interface#module:confirm) is
    provisional, and is rolled back by the host itself unless it is confirmed in time. As a task, that module confirms
    it too, over a new connection. Use this module to confirm by hand, or to roll back
    earlier.
  - Before it confirms, the tunnels that the change concerns have to carry traffic. A new peer has to answer if this
    host calls it, which it does with an endpoint and a persistent keepalive; on a new interface one of these has to. A
    peer with which there was a session, and whose options have changed, has to be there again. Where the interface
    itself has changed, so has each peer that the host calls and had a session with, and one of the others with one.
  - It sends something into these tunnels, so that their other ends have to answer, and waits for that until 5 seconds
    before the time is over.
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
      - The name of the interface.
    type: str
    required: true
  change:
    description:
      - Which change is meant, as M(cryptokey.wireguard.interface) returns it.
      - If not given, it is the one that waits.
    type: str
  state:
    description:
      - V(confirmed) has the change stay, and fails if none waits.
      - V(rolled_back) restores at once what was before the change. Where the host has already done so, it returns what
        was restored, and changes nothing. It fails where not all can be restored; the host then tries again by itself.
      - V(reported) changes nothing, and returns which change waits, and what was rolled back last.
    type: str
    choices: [confirmed, rolled_back, reported]
    default: confirmed
seealso:
  - module: cryptokey.wireguard.interface
"""

EXAMPLES = r"""
- name: Make a change that is rolled back after two minutes, and leave it to other tasks to confirm it
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 51821
    confirm: always
    confirm_timeout: 120
  async: 100
  poll: 5

- name: Have it stay
  cryptokey.wireguard.confirm:
    interface: wg0

- name: Roll back now
  cryptokey.wireguard.confirm:
    interface: wg0
    state: rolled_back
"""

RETURN = r"""
tunnels:
  description: The peers that had to show that their tunnels work, and did.
  returned: always
  type: list
  elements: str
  sample: [hub]
rolled_back:
  description: What was rolled back, now or before. Null where nothing was.
  returned: O(state=rolled_back) and O(state=reported)
  type: dict
  contains:
    change:
      description: The change.
      type: str
    date:
      description: When that was.
      type: str
      sample: "2026-11-25T02:30:00Z"
    operations:
      description: What was done, in words and in order.
      type: list
      elements: str
      sample: ["peer hub (zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=): set endpoint 192.0.2.1:51820"]
    problem:
      description: Why not all of it was restored. Empty when all was.
      type: str
    seconds_ago:
      description: How long ago that was, by the clock of the host.
      type: int
      sample: 12
pending:
  description: The change that is neither confirmed nor wholly rolled back. Null where there is none.
  returned: O(state=rolled_back) and O(state=reported)
  type: dict
  contains:
    change:
      description: The change.
      type: str
    deadline:
      description: When it is rolled back.
      type: str
      sample: "2026-11-25T02:30:00Z"
    seconds_left:
      description: How long until then. Not above zero once the rollback has begun.
      type: int
      sample: 48
    seconds_ago:
      description: How long ago the change was made, by the clock of the host.
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
        problem = f"not all of what was before the change is restored: {answer.report.problem}"
        module.fail_json(msg=f"{answer.pending.interface}: {problem}. The host and the next run try again", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
