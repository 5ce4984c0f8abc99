# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that ``interface`` and ``config`` share; their argument spec is ``_options/arguments.py``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  interface:
    description:
      - The name of the WireGuard interface, such as V(wg0).
      - It has 1 to 15 letters, digits and the characters C(_), C(.) and C(-). It begins with a letter, a digit or C(_),
        and is not a number. C(wg-quick) also accepts C(=) and C(+), but nftables and systemd do not. An interface with
        these characters can only be removed, with O(state=absent).
    type: str
    required: true
  state:
    description:
      - Whether the interface should exist.
      - With V(absent), all options but O(interface) and O(netns) are ignored. The key file is kept.
        M(cryptokey.wireguard.keypair) removes it.
    type: str
    choices: [present, absent]
    default: present
  private_key_file:
    description:
      - The file with the private key on the managed node, as M(cryptokey.wireguard.keypair) creates it.
      - The key never leaves the managed node. A file that other users than its owner can read is refused.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key).
    type: path
  listen_port:
    description:
      - The UDP port to listen on, from V(1) to V(65535).
      - If not given, it is not changed. A new interface gets a random port from the kernel.
    type: int
  fwmark:
    description:
      - The mark of the packets that the tunnel itself sends, decimal or hexadecimal such as V(0xca6c). V(0) or V("off")
        clears it.
      - If not given, it is not changed. A full tunnel without a mark gets one, which is chosen in the same way as by
        C(wg-quick).
    type: str
  mtu:
    description:
      - The MTU of the interface, from V(576) to V(65535).
      - If not given, it is not changed. A new interface gets the MTU of the path to the endpoints of its peers less 80,
        in the same way as with C(wg-quick).
    type: int
  table:
    description:
      - The routing table for the routes that O(peers[].allowed_ips) need.
      - V(auto) uses the main table. A default route is added to a table of its own, with the policy rules that a full
        tunnel needs. V("off") adds no routes. A number or a name selects one table for all routes. The host must have
        the name, for example in C(/etc/iproute2/rt_tables). C(wg0.conf) has it as it is given.
      - This option has a default because the running state does not show which table was chosen.
    type: str
    default: auto
  addresses:
    description:
      - The addresses of the interface, IPv4 and IPv6, with their prefix lengths, such as V(10.0.0.1/24) and
        V(fd00::1/64). The prefix length is V(/32) or V(/128) if it is left out.
      - The network address and the broadcast address of an IPv4 network are refused. So is the first address of an IPv6
        network, which belongs to its routers.
      - With O(peers_mode=exact), other addresses are removed. If not given, the addresses are not changed. An empty
        list removes them.
    type: list
    elements: str
  peers:
    description:
      - The peers of the interface.
      - If not given, the peers are not changed. An empty list removes them, with O(peers_mode=exact).
      - Options of a peer that are not given are not changed. A new peer does not have them.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the peer, such as the name of its host. It is shown in results, and is the C(friendly_name) of
            the peer in the file. WireGuard itself has no names.
        type: str
      public_key:
        description:
          - The public key of the peer in base64, 44 characters. It identifies the peer.
          - A key of small order is refused, because no handshake can succeed with it.
        type: str
        required: true
      preshared_key:
        description:
          - A secret in base64 that both ends share, in addition to the key pairs.
          - An empty string clears it.
          - Ansible writes the arguments of a module to a temporary file on the host, unless pipelining is on.
            P(cryptokey.wireguard.with_preshared_keys#filter) encrypts the key for the host, so that it is never written
            in plain text. The text then begins with C(sealed:).
        type: str
      next_public_key:
        description:
          - The key that the peer will change to. Both keys are then peers of the interface. The one with the latest
            handshake gets the endpoint, the allowed IPs and the keepalive.
          - A peer that changes its key therefore stays connected.
        type: str
      next_preshared_key:
        description:
          - As O(peers[].preshared_key), for O(peers[].next_public_key).
        type: str
      endpoint:
        description:
          - The initial endpoint of the peer, as V(HOST:PORT). An IPv6 address must be in brackets, such as
            V([2001:db8::1]:51820).
          - A link-local address must have the interface to reach it, such as V([fe80::1%eth0]:51820). An interface that
            the host does not have is refused.
          - The managed node resolves a host name when it sets the endpoint. If the name cannot be resolved, the
            endpoint is not changed and there is a warning.
          - The endpoint of a running peer can be another one, see O(endpoint_policy).
          - Leave it out for a peer that always sends first, such as a client behind NAT.
        type: str
      allowed_ips:
        description:
          - The prefixes behind the peer, such as V(10.0.0.2/32), V(fd00::/64), or V(0.0.0.0/0) for everything. Packets
            to these prefixes are sent to this peer, and the peer can send from them.
          - A prefix can belong to one peer only, and is refused on two peers. Other peers that have the prefix now lose
            it, unless they are listed with it.
          - An empty list clears them.
        type: list
        elements: str
      persistent_keepalive:
        description:
          - The number of seconds between keepalive packets to the peer, from V(1) to V(65535). They keep a NAT between
            the two open. V(25) is usual. V(0) or V("off") turns them off.
        type: str
  absent_peers:
    description:
      - The public keys of peers that must not exist on the interface, such as those of stolen devices.
      - They are removed with O(peers_mode=merge) too. With O(peers_mode=exact), all peers that O(peers) does not list
        are removed.
      - A key that O(peers) lists as well is refused.
    type: list
    elements: str
  peers_mode:
    description:
      - With V(exact), peers that O(peers) does not list and addresses that O(addresses) does not list are removed, if
        these options are given. Routes of the interface that no peer needs are removed too, except those of routing
        daemons.
      - With V(merge), all of these are kept. Use it for an interface that others manage as well. Peers whose keys are
        in O(absent_peers) are removed.
    type: str
    choices: [exact, merge]
    default: exact
  endpoint_policy:
    description:
      - When to overwrite a peer's current endpoint with O(peers[].endpoint).
      - With V(initial), the current endpoint is kept while it works, because WireGuard updates the endpoint when a peer
        roams. It is overwritten if the peer is new, if O(peers[].endpoint) is not the value that was set last, or if
        the latest handshake is more than 180 seconds old, which is the longest time that a session can live. Otherwise
        a different endpoint is not a change.
      - With V(enforce), the endpoint is overwritten whenever it differs. A peer that roams is then a change at every
        run, and is cut off if it is not at that endpoint. Host names are resolved at every run.
      - If a host name has several addresses, any of them is right. A peer without a session gets the first one if its
        current endpoint has another address family, IPv4 or IPv6.
      - It has no effect on the configuration file, because all peers are new after a boot.
    type: str
    choices: [initial, enforce]
    default: initial
  outside_replies:
    description:
      - Whether, with a full tunnel, to answer TCP connections outside the tunnel if they came in outside it.
      - If V(false), the first default route through the tunnel cuts the SSH connection of Ansible, unless the host has
        a more specific route to the controller.
      - It has an effect only if O(peers[].allowed_ips) of a peer has V(0.0.0.0/0) or V(::/0), and with O(table=auto).
    type: bool
    default: true
  keep_routes:
    description:
      - Whether to keep routes of the interface that no peer needs, such as those of C(PostUp) lines. Only routes to
        other prefixes than those of the peers, or in other tables than O(table), are kept. Policy rules that use the
        mark of the interface are kept too, unless it has a full tunnel.
      - If V(false), these routes are removed, except those of routing daemons.
    type: bool
    default: false
  dns:
    description:
      - The addresses of the name servers that the host uses for all names while the interface is up, in order of
        preference, in the same way as with C(wg-quick).
      - They are set with systemd-resolved if it runs, else with resolvconf (openresolv, or that of Debian). If the host
        has neither, the option is refused.
      - It is refused with O(netns). It is also refused for an interface with a dot in its name, because C(wg-quick)
        cannot set name servers for it with systemd-resolved.
      - If not given, they are not changed. An empty list removes them, and so does O(state=absent).
    type: list
    elements: str
  dns_search:
    description:
      - The search domains for names without a dot, in order of preference, such as V(corp.example).
      - They require a name server, in O(dns) or an existing one.
      - If not given, they are not changed. An empty list removes them.
    type: list
    elements: str
  alias:
    description:
      - A text about the interface, which C(ip link) shows. It has at most 254 bytes, without a single quote, a C(#) or
        C(%i), which a file for C(wg-quick) cannot have.
      - If not given, it is not changed. An empty string removes it.
    type: str
  up:
    description:
      - Whether the interface should be up. An interface that is down keeps its peers and addresses. It has no routes,
        policy rules and name servers, and does not listen. When it goes down, all sessions end and all of its routes
        are removed.
      - It has an effect on the running state only. At boot, C(wg-quick up) sets the interface up.
    type: bool
    default: true
  netns:
    description:
      - The network namespace of the interface, by its name as C(ip netns) shows it. It must exist.
      - Without O(birth_netns), the interface is in this namespace and its UDP sockets are in that of the module's
        process. Programs in the namespace can then send only through the tunnel. With the same name in both options,
        the sockets are in the namespace too.
      - If not given, it is the namespace of the module's process. The name of the interface must be unique on the host,
        in all namespaces that are managed.
      - The name of a namespace has letters, digits and the characters C(_=+.-), and is not a number.
      - If the sockets are in another namespace than the interface, a default route through the tunnel is an ordinary
        route in the main table, and O(outside_replies) has no effect.
    type: str
  birth_netns:
    description:
      - The network namespace to create the interface in. Its UDP sockets always stay there. The endpoints of its peers
        are reached and resolved from there.
      - If not given, it is the namespace of the module's process.
      - It cannot be changed for an existing interface. Remove the interface first.
    type: str
  nftables:
    description:
      - The content of the interface's own nftables table, C(inet cryptokey-INTERFACE), in the language of C(nft). It is
        what stands between the braces of the table, such as chains, sets and counters. Other tables are not changed.
      - The table is loaded before the interface comes up and before peers are added. If C(nft) refuses it, nothing is
        changed and the module fails. A change replaces the whole table in one transaction.
      - A table that differs, for example because a rule was added by hand, is replaced. To compare the two, the module
        loads the wanted table into a temporary network namespace.
      - At boot, C(wg-quick) loads the table before it creates the interface. If that fails, the interface stays down.
      - If not given, the table is not changed. An empty string removes it, and so does O(state=absent).
    type: str
"""
