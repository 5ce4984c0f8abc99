#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interface
short_description: Bring a running WireGuard interface to the desired state
version_added: 0.1.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads the running state of one WireGuard interface from the kernel, works out the smallest set of operations that
    leads to the desired state, applies them over netlink, reads the state back and compares.
  - Only what differs is sent. Peers that a change does not concern keep their sessions and lose no packet.
  - If an operation fails, or what is read back is not what was wanted, the state before is restored and the module
    fails.
  - Covers the link, its keys and peers, addresses, the routes that the peers' allowed IPs need, and for a default
    route through the tunnel the policy rules and netfilter table of C(wg-quick).
  - A change can end the session with a peer, for example when the peer was removed by hand and is added again. The
    module then starts a handshake with the peer if it has an endpoint. The other end then stops using the old session.
  - It does not write any configuration for the next boot. M(cryptokey.wireguard.config) does, from the same options.
  - A change can be provisional, with O(confirm). The host then puts back by itself what was before, unless this task
    finds that it can still be reached over a new connection, and that the tunnels that the change concerns work.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.interface
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Keys are shown as C((hidden)). Of the peers only those that differ are shown.
options:
  confirm:
    description:
      - Whether a change is provisional until it is confirmed.
      - With V(always) every change is. With V(auto) one is if the SSH connection over which the module was started runs
        over the interface, or would run into it after the change. V(never) has none be.
      - A provisional change is confirmed by this same task, over a new connection. If that does not work, or a tunnel
        that the change concerns does not carry traffic, the task fails once the old state is back.
      - With C(async), and in playbooks for other tools, the change is left to M(cryptokey.wireguard.confirm).
      - It has no effect with O(state=absent).
    type: str
    choices: [never, auto, always]
    default: never
    version_added: 0.2.0
  confirm_timeout:
    description:
      - After how many seconds a provisional change is rolled back, from V(10) to V(3600).
    type: int
    default: 60
    version_added: 0.2.0
notes:
  - Needs C(pyroute2) and, to recognise its own public key, C(pynacl) on the managed node. A full tunnel needs C(nft).
  - Routes on the interface that it does not need are removed when they were made by hand, by C(wg-quick) or by this
    module. Those of routing daemons are left alone.
  - It never runs C(wg), C(ip) or C(wg-quick). Name servers are set through C(resolvectl) or C(resolvconf), which are
    not run where O(dns) and O(dns_search) are not given and the interface stays up.
  - The endpoints that were last applied are remembered in C(/var/lib/cryptokey-wireguard), which is how a changed
    endpoint is told from one that the kernel has learned. So is the namespace in which an interface was put.
  - Host names of endpoints are looked up only where the answer matters, all at the same time, within 10 seconds
    together. Other runs can change the interface meanwhile. What they changed is read again before anything is applied.
    A peer whose name has no answer in time keeps its endpoint, with a warning.
  - An interface that is in another network namespace than O(netns) asks for is moved, if it is in O(birth_netns), in
    the host's own or in that of the last run. It keeps its keys, peers and endpoints. Its sessions begin anew.
  - The kernel does not tell in which namespace an interface was made. With O(netns) or O(birth_netns), one that is up
    has to have its UDP port in O(birth_netns), and is refused otherwise.
  - While a change is not confirmed, another run says so at once, with the deadline, and waits until the change is
    confirmed or rolled back. With C(async) it fails instead.
  - A part that cannot be restored, as when a name server program fails, does not keep the others from being restored.
    The host tries again every minute for a day, and so does the next run, which fails until all is restored.
  - With O(state=absent), the interface is removed even if its name servers or its netfilter table cannot be read or
    removed. The module then fails and says what may be left.
  - The watchdog of a provisional change is a transient timer of systemd where that runs, else a process of its own.
    What it restores is kept in C(/etc/wireguard/private), mode V(0600), until all of it is restored.
seealso:
  - module: cryptokey.wireguard.config
  - module: cryptokey.wireguard.confirm
  - module: cryptokey.wireguard.interface_info
  - module: cryptokey.wireguard.keypair
"""

EXAMPLES = r"""
- name: A spoke whose traffic to the network goes through its hub
  cryptokey.wireguard.interface:
    interface: wg0
    addresses: [10.8.0.2/24, "fd00:8::2/64"]
    peers:
      - name: hub
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: hub.example.org:51820
        allowed_ips: [10.8.0.0/24, "fd00:8::/64"]
        persistent_keepalive: 25

- name: A roaming client that sends everything through the tunnel
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 21841
    addresses: [10.192.122.3/32]
    peers:
      - name: server
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: 192.95.5.69:51820
        allowed_ips: [0.0.0.0/0]

- name: A client that asks the name servers behind the tunnel, with its routes in a table of their own
  cryptokey.wireguard.interface:
    interface: wg0
    alias: to the office in Paris
    table: vpn  # as in /etc/iproute2/rt_tables
    dns: [10.8.0.1, "fd00:8::1"]
    dns_search: [corp.example]

- name: A change that is rolled back within two minutes if it cuts Ansible off
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 51821
    confirm: always
    confirm_timeout: 120

- name: Hold the tunnel down for now
  cryptokey.wireguard.interface:
    interface: wg0
    up: false

- name: One more peer, whoever else is there
  cryptokey.wireguard.interface:
    interface: wg0
    peers_mode: merge
    peers:
      - name: phone
        public_key: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
        allowed_ips: [10.8.0.77/32]

- name: Applications in the namespace vpn can only talk through the tunnel
  cryptokey.wireguard.interface:
    interface: wg0
    netns: vpn
    addresses: [10.192.122.3/32]
    peers:
      - name: server
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: 192.95.5.69:51820
        allowed_ips: [0.0.0.0/0]

- name: No such interface
  cryptokey.wireguard.interface:
    interface: wg0
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, or in check mode would be, in words and in order. Empty when nothing differed.
  returned: always
  type: list
  elements: str
  sample:
    - "peer phone (8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=): add, add allowed_ips 10.8.0.77/32"
provisional:
  description: Whether the change waits to be confirmed. As the result of a task it is only with C(async).
  returned: always
  type: bool
change:
  description: The name of a provisional change, for M(cryptokey.wireguard.confirm).
  returned: when the change was provisional
  type: str
  sample: 5b1f0c6d2a9e4837
deadline:
  description: When a provisional change is rolled back, by the clock of the host.
  returned: when the change was provisional
  type: str
  sample: "2026-11-25T02:30:00Z"
tunnels:
  description: The peers that had to show that their tunnels work, and did.
  returned: when the change was provisional and is confirmed
  type: list
  elements: str
  sample: [hub]
rolled_back:
  description: What was rolled back, as M(cryptokey.wireguard.confirm) returns it.
  returned: when the change was provisional and was not confirmed
  type: dict
pending:
  description: The change of another run that is not confirmed yet, as M(cryptokey.wireguard.confirm) returns it.
  returned: when the module fails because of it
  type: dict
"""

import gc
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import (
    InterfaceResult,
    end_unconfirmed,
    ensure_absent,
    ensure_present,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import ConvergeError, ConvergeResult
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import (
    CONFIRM_ARGUMENTS,
    INTERFACE_ARGUMENTS,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.pending import UnconfirmedError

MANY_PEERS = 100


def result_of(outcome: ConvergeResult, with_diff: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": bool(outcome.operations),
        "operations": [operation.describe() for operation in outcome.operations],
        "provisional": False,
    }
    if isinstance(outcome, InterfaceResult) and outcome.unconfirmed:
        change = outcome.unconfirmed
        result.update(provisional=True, change=change.change, deadline=change.date)
    if with_diff:
        from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference

        result["diff"] = show_difference(outcome.before, outcome.after, outcome.names)
    return result


def shortened(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments as ``-vvv`` shows them, without the peers where there are many.

    Ansible looks for each of their secrets in each text of the result, which takes minutes at ten thousand peers.
    """
    count = len(arguments["peers"] or ())
    return {"invocation": {"module_args": {**arguments, "peers": f"{count} peers"}}} if count > MANY_PEERS else {}


def main() -> None:
    # Ten thousand peers are objects enough to have it look for cycles, of which there are none, a third of the time.
    gc.disable()
    module = AnsibleModule(argument_spec={**INTERFACE_ARGUMENTS, **CONFIRM_ARGUMENTS}, supports_check_mode=True)
    warnings: list[str] = []
    failure: dict[str, Any] = {}
    outcome: ConvergeResult
    try:
        end_unconfirmed(module.params, module.check_mode, warnings)
        if module.params["state"] == "present":
            outcome = ensure_present(module.params, module.check_mode, warnings)
        else:
            outcome = ensure_absent(module.params, module.check_mode)
    except UnconfirmedError as error:
        failure = {"msg": str(error), "pending": error.pending}
    except (InputError, MissingLibrary, ConvergeError, OSError) as error:
        failure = {"msg": str(error)}
    for warning in warnings:
        module.warn(warning)
    if failure:
        module.fail_json(**failure)
    module.exit_json(**result_of(outcome, module._diff), **shortened(module.params))


if __name__ == "__main__":
    main()
