#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interface
short_description: Configure a running WireGuard interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads the running state of one WireGuard interface from the kernel, and compares it with the desired state. Applies
    the operations that lead to the desired state over netlink, then reads the state again and compares it.
  - Only what differs is changed. Peers that a change does not affect keep their sessions and lose no packet.
  - If an operation fails, or the state read afterwards is not the desired one, the previous state is restored and the
    module fails.
  - Manages the link, its keys and peers, addresses, and the routes that the allowed IPs of the peers need. For a
    default route through the tunnel it manages the policy rules and the netfilter table of C(wg-quick) as well.
  - With O(nftables), it manages an nftables table that belongs to the interface.
  - A change can end the session with a peer, for example if the peer was removed by hand and is added again. If the
    peer has an endpoint, the module then starts a handshake with it, because the peer would still use the old session.
  - The configuration for the next boot is not written. Use M(cryptokey.wireguard.config) with the same options for it.
  - With O(confirm), a change is provisional. The host restores the previous state unless the task can reach the host
    over a new connection and the tunnels that the change affects carry traffic.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.interface
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Keys are shown as C((hidden)). Only peers that differ are shown.
options:
  confirm:
    description:
      - Whether a change is provisional until it is confirmed.
      - With V(always), each change is provisional. With V(auto), a change is provisional if the SSH connection of
        Ansible uses the interface, or would use it after the change. With V(never), no change is provisional.
      - The task confirms a provisional change itself, over a new connection. If that fails, or a tunnel that the change
        affects does not carry traffic, the task fails after the previous state is restored.
      - With C(async), and if the module is not run as a task, use M(cryptokey.wireguard.confirm) to confirm the change.
      - It has no effect with O(state=absent).
    type: str
    choices: [never, auto, always]
    default: never
  confirm_timeout:
    description:
      - The number of seconds after which a provisional change is rolled back, from V(10) to V(3600).
    type: int
    default: 60
notes:
  - Requires C(pyroute2) on the managed node, and C(pynacl) to recognise the interface's own public key. A full tunnel
    and O(nftables) require C(nft).
  - Routes of the interface that it does not need are removed if they were created by hand, by C(wg-quick) or by this
    module. Routes of routing daemons are kept.
  - The programs C(wg), C(ip) and C(wg-quick) are never used. Name servers are set with C(resolvectl) or C(resolvconf).
    These are not run if O(dns) and O(dns_search) are not given and the interface stays up.
  - The endpoints that were applied last are stored in C(/var/lib/cryptokey-wireguard), to distinguish a changed
    endpoint from one that the kernel has learned. The network namespace of the interface is stored there too.
  - Host names of endpoints are resolved only if the address is needed, all at the same time, within 10 seconds. Other
    runs can change the interface in the meantime, so its state is read again before anything is applied. If a name is
    not resolved in time, the peer keeps its endpoint and there is a warning.
  - An interface in another network namespace than O(netns) is moved if it is in O(birth_netns), in the namespace of the
    module's process or in the one of the last run. It keeps its keys, peers and endpoints, but its sessions end.
  - The kernel does not show in which namespace an interface was created. With O(netns) or O(birth_netns), an interface
    that is up must have its UDP port in O(birth_netns), and is refused otherwise.
  - While a change is not confirmed, other runs show a warning with the deadline, and wait until the change is confirmed
    or rolled back. With C(async) they fail instead.
  - The last reading of the table of O(nftables) is stored in C(/run/cryptokey-wireguard), so that C(nft) is not started
    if no rule of the host has changed since.
  - If the table of O(nftables) cannot be restored, the interface keeps the present table. If there is none, it is left
    down.
  - If one part cannot be restored, for example because a name server program fails, the other parts are restored
    anyway. The host retries every minute for a day, and so does the next run, which fails until all is restored.
  - The watchdog of a provisional change is a transient systemd timer, or a separate process on hosts without systemd.
    The state to restore is stored in C(/etc/wireguard/private) with mode V(0600) until all of it is restored.
  - With O(state=absent), the interface is removed even if its name servers or its netfilter table cannot be read or
    removed. The module then fails and says what may be left.
seealso:
  - module: cryptokey.wireguard.config
  - module: cryptokey.wireguard.confirm
  - module: cryptokey.wireguard.interface_info
  - module: cryptokey.wireguard.keypair
"""

EXAMPLES = r"""
- name: Create a spoke that reaches the network through its hub
  cryptokey.wireguard.interface:
    interface: wg0
    addresses: [10.8.0.2/24, "fd00:8::2/64"]
    peers:
      - name: hub
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: hub.example.org:51820
        allowed_ips: [10.8.0.0/24, "fd00:8::/64"]
        persistent_keepalive: 25

- name: Send all traffic of a roaming client through the tunnel
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 21841
    addresses: [10.192.122.3/32]
    peers:
      - name: server
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: 192.95.5.69:51820
        allowed_ips: [0.0.0.0/0]

- name: Use the name servers behind the tunnel, and a routing table for the routes
  cryptokey.wireguard.interface:
    interface: wg0
    alias: to the office in Paris
    table: vpn  # as in /etc/iproute2/rt_tables
    dns: [10.8.0.1, "fd00:8::1"]
    dns_search: [corp.example]

- name: Roll a change back within two minutes if it cuts Ansible off
  cryptokey.wireguard.interface:
    interface: wg0
    listen_port: 51821
    confirm: always
    confirm_timeout: 120

- name: Set the interface down
  cryptokey.wireguard.interface:
    interface: wg0
    up: false

- name: Add one peer, and keep all others
  cryptokey.wireguard.interface:
    interface: wg0
    peers_mode: merge
    peers:
      - name: phone
        public_key: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
        allowed_ips: [10.8.0.77/32]

- name: Create an interface in the network namespace vpn, which can send only through the tunnel
  cryptokey.wireguard.interface:
    interface: wg0
    netns: vpn
    addresses: [10.192.122.3/32]
    peers:
      - name: server
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        endpoint: 192.95.5.69:51820
        allowed_ips: [0.0.0.0/0]

- name: Remove the interface
  cryptokey.wireguard.interface:
    interface: wg0
    state: absent
"""

RETURN = r"""
changes:
  description: What was done, or would be done in check mode, as lines of text in order. Empty if nothing differed.
  returned: success
  type: list
  elements: str
  sample:
    - "peer phone (8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=): add, add allowed_ips 10.8.0.77/32"
operations:
  description:
    - The same as data. At most the first 1000 are returned.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: V(add), V(remove) or V(set).
      type: str
    peer:
      description: The public key of the peer, or null if the operation is not about a peer.
      type: str
    attribute:
      description:
        - What is changed, by the name of its option. For a whole peer it is V(peers).
        - It can also be V(routes), V(rules), V(netfilter) or V(src_valid_mark).
        - For V(nftables), the values are the table as C(nft) lists it.
      type: str
    before:
      description:
        - The value before, or null if there was none.
        - For a whole peer it is a dictionary with V(has_preshared_key), V(endpoint), V(allowed_ips) and
          V(persistent_keepalive). If all peers are removed at once, it is their number.
        - A private or preshared key is shown as C((hidden)).
      type: raw
    after:
      description: The value after, in the same form.
      type: raw
  sample:
    - action: set
      peer: null
      attribute: listen_port
      before: 51820
      after: 51821
provisional:
  description: Whether the change is not confirmed yet. A task returns V(true) only with C(async).
  returned: success
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
  description: The names or public keys of the peers whose tunnels were required to carry traffic, and did.
  returned: when the change was provisional and is confirmed
  type: list
  elements: str
  sample: [hub]
rolled_back:
  description:
    - What was rolled back. It is null if the host could not be reached, and empty if the host knows of no rollback.
  returned: when the change was provisional and was not confirmed
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
  description: The change of another run that is not confirmed yet.
  returned: when the module fails because of it
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

import gc
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import (
    end_unconfirmed,
    ensure_present,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError, ConvergeResult
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
        "changes": [operation.describe() for operation in outcome.operations],
        "operations": [],
        "provisional": False,
    }
    # Few runs change something, so that what describes a change is loaded only for one.
    if outcome.operations:
        from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.applying import describe_change

        result.update(describe_change(outcome))
    if with_diff:
        from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference

        result["diff"] = show_difference(outcome.before, outcome.after, outcome.names)
    return result


def shortened(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that ``-vvv`` shows, without the peers if there are many.

    Ansible searches each text of the result for each of their secrets, which takes minutes for ten thousand peers.
    """
    count = len(arguments["peers"] or ())
    return {"invocation": {"module_args": {**arguments, "peers": f"{count} peers"}}} if count > MANY_PEERS else {}


def main() -> None:
    # With ten thousand peers, the garbage collector takes a third of the time and finds no cycles.
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
            from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.applying import ensure_absent

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
