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
      - 1 to 15 letters, digits and the characters C(_), C(.) and C(-). It begins with a letter, a digit or C(_), and is
        not a number. C(wg-quick) also takes C(=) and C(+), but nftables and systemd do not; such an interface can only
        be removed, with O(state=absent).
    type: str
    required: true
  state:
    description:
      - Whether it shall be there.
      - With V(absent) all other options but the name and O(netns) are ignored, and the key file is left where it is.
        M(cryptokey.wireguard.keypair) removes that.
    type: str
    choices: [present, absent]
    default: present
  private_key_file:
    description:
      - The file on the managed node that has the private key, as M(cryptokey.wireguard.keypair) makes it.
      - The key is read there and goes nowhere else. A file that others than its owner can read is refused.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key).
    type: path
  listen_port:
    description:
      - The UDP port to listen on, from V(1) to V(65535).
      - If not given, it is left as it is. A new interface then gets a random port from the kernel.
    type: int
  fwmark:
    description:
      - The mark on the packets that the tunnel itself sends, decimal or in hex such as V(0xca6c). V(0) or V("off")
        clears it.
      - If not given, it is left as it is. A full tunnel that has none gets one, chosen as wg-quick does.
    type: str
  mtu:
    description:
      - The MTU of the interface, from V(576) to V(65535).
      - If not given, it is left as it is. A new interface gets the MTU of the path to its peers' endpoints less 80, as
        wg-quick finds it.
    type: int
  table:
    description:
      - Where the routes for O(peers[].allowed_ips) go.
      - V(auto) puts them into the main table, and a default route into a table of its own with the policy rules that a
        full tunnel needs. V("off") makes no routes. A number is that of a routing table that takes them all. So is a
        name, which the host has to know, as from C(/etc/iproute2/rt_tables); C(wg0.conf) keeps it as it is given.
      - Unlike most options this one has a default, since the running state does not show what was wanted.
    type: str
    default: auto
  addresses:
    description:
      - The addresses of the interface, IPv4 and IPv6, each with its prefix length, such as V(10.0.0.1/24) and
        V(fd00::1/64). Without one it is V(/32) or V(/128).
      - The network address and the broadcast address of an IPv4 network are refused. So is the first address of an
        IPv6 network, which is that of its routers.
      - These and no others, given O(peers_mode=exact). If not given, the addresses are left as they are; an empty list
        removes them.
    type: list
    elements: str
  peers:
    description:
      - The peers of the interface.
      - If not given, the peers are left as they are; an empty list removes them, given O(peers_mode=exact).
      - Of a peer, whatever is not given is left as it is, and a new peer goes without.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - What people call the peer, such as the name of its host. It is shown in results, and in the file it is the
            C(friendly_name) of the peer. WireGuard itself knows no names.
        type: str
      public_key:
        description:
          - The public key of the peer in base64, 44 characters. It is what identifies the peer.
          - A key of small order is refused, since no handshake can succeed with one.
        type: str
        required: true
      preshared_key:
        description:
          - A secret that both ends share, in base64, on top of the key pairs.
          - An empty string clears it.
          - Ansible writes what modules are given to a file on the host, which is there while the task runs, unless
            pipelining is on. P(cryptokey.wireguard.with_preshared_keys#filter) gives it sealed, so that it stands
            nowhere in the clear; the text then begins with C(sealed:).
        type: str
      next_public_key:
        description:
          - The key that the peer is about to change to. Both are then peers of the interface, and the one that shook
            hands last has the endpoint, the prefixes and the keepalive that are given here.
          - So a peer that has changed its key is not cut off, whether the one who runs this knows of it or not.
        type: str
      next_preshared_key:
        description:
          - As O(peers[].preshared_key), with O(peers[].next_public_key).
        type: str
      endpoint:
        description:
          - Where to send to first, as V(HOST:PORT). An IPv6 address is in brackets, such as V([2001:db8::1]:51820).
          - A link-local address has the interface that leads to it, such as V([fe80::1%eth0]:51820). An interface that
            the host does not have is refused.
          - A host name is resolved when the endpoint is about to be set, on the managed node. While it cannot be
            resolved, the peer keeps the endpoint that it has, or goes without, and a warning says so.
          - This is an initial endpoint, see O(endpoint_policy).
          - Not given for a peer that always sends first, such as a client behind NAT.
        type: str
      allowed_ips:
        description:
          - The prefixes behind the peer, such as V(10.0.0.2/32), V(fd00::/64), or V(0.0.0.0/0) for everything. Packets
            to them go to this peer, and it may send from them.
          - A prefix belongs to one peer of the interface; on two peers it is refused. A peer that is not listed, or
            listed without this option, loses the prefixes that another one is given here.
          - An empty list clears them.
        type: list
        elements: str
      persistent_keepalive:
        description:
          - Every how many seconds to send something to the peer, from V(1) to V(65535), which keeps a NAT between the
            two open. V(25) is usual. V(0) or V("off") turns it off.
        type: str
  absent_peers:
    description:
      - The public keys of peers that must not exist on the interface, such as those of devices that were stolen.
      - They are removed with O(peers_mode=merge) too. With O(peers_mode=exact), peers that O(peers) does not list are
        removed anyway.
      - A key that O(peers) lists as well is refused.
    type: list
    elements: str
  peers_mode:
    description:
      - With V(exact), the interface has what is given and nothing else. Peers that O(peers) does not list are removed,
        and so are other addresses than O(addresses), where those two are given, and routes on the interface that no
        peer needs and that no routing daemon has made.
      - With V(merge), for an interface that is shared with others, all of these are left as they are. Peers whose keys
        are in O(absent_peers) are removed.
    type: str
    choices: [exact, merge]
    default: exact
  endpoint_policy:
    description:
      - What becomes of a peer whose endpoint is not O(peers[].endpoint).
      - With V(initial), WireGuard's own idea of an endpoint, it is kept while it serves, since WireGuard follows its
        peers as they roam. The one given is set when the peer is new, when it is another than the one that was set
        last, or when the peer shook hands never or more than 180 seconds ago, which no session outlives. Else a
        differing endpoint is not a change.
      - With V(enforce), the one given is set whenever it differs. A peer that roams, or whose NAT gives it another
        port, is then a change at every run, and cut off if it is not where it is said to be. Names are resolved at
        every run.
      - Of a host name with several addresses any will do. A dead peer gets the first one if its endpoint is not of the
        same family, IPv4 or IPv6, since that is the family that the host can use now.
      - For the startup state it makes no difference. WireGuard knows no such policy, and booting makes all peers new.
    type: str
    choices: [initial, enforce]
    default: initial
  outside_replies:
    description:
      - Whether, under a full tunnel, a TCP connection that came in outside the tunnel is also answered outside it.
      - Without it the SSH connection that Ansible came in by is cut by the first default route through the tunnel,
        unless it comes from a network that the host reaches by a route of its own.
      - It has no effect without a peer whose O(peers[].allowed_ips) has V(0.0.0.0/0) or V(::/0), and none unless
        O(table=auto).
    type: bool
    default: true
  keep_routes:
    description:
      - Whether routes out of the interface stay that no peer needs, such as those of C(PostUp) lines, when they are for
        prefixes that are no peer's, or in tables that are not those of O(table). Policy rules that go by the
        interface's mark stay too, unless it has a full tunnel.
      - Otherwise they are removed, unless they are those of routing daemons.
    type: bool
    default: false
  dns:
    description:
      - The addresses of the name servers that the host asks while the interface is up, in order of preference. It asks
        them for all names, as with C(wg-quick).
      - They are set through systemd-resolved where it runs, else through resolvconf (openresolv, or that of Debian).
        Where neither is there, this is refused.
      - It is also refused with O(netns), and for an interface whose name has a dot, since C(wg-quick) cannot set name
        servers for one where systemd-resolved is in use.
      - If not given, they are left as they are; an empty list removes them, and so does O(state=absent).
    type: list
    elements: str
  dns_search:
    description:
      - The domains that are appended to names without a dot, in order of preference, such as V(corp.example).
      - They need a server, in O(dns) or one that is set already.
      - If not given, they are left as they are; an empty list removes them.
    type: list
    elements: str
  alias:
    description:
      - A text about the interface for people, as C(ip link) shows it, of at most 254 bytes. It cannot have a single
        quote, a C(#) or C(%i), which the file for C(wg-quick) cannot hold.
      - If not given, it is left as it is; an empty text removes it.
    type: str
  up:
    description:
      - Whether the interface is up. One that is held down keeps its peers and addresses, but has no routes, policy
        rules or name servers, and does not listen. Going down ends all sessions, and takes routes of others along.
      - This is about the running state only. At boot the interface comes up all the same, as it does with
        C(wg-quick up).
    type: bool
    default: true
  netns:
    description:
      - The network namespace in which the interface is, by its name as C(ip netns) has it. It has to be there.
      - Without O(birth_netns) the interface is in this namespace and its UDP sockets in the host's own, so that what
        runs in the namespace can only talk through the tunnel. With the same name in both, the interface lives in the
        namespace whole.
      - If not given, it is the host's own, that of the module's process. Unlike most options this one has a default,
        since the name of the interface alone says which one is meant. It has to be unique on the host, across all
        namespaces that are managed.
      - A namespace's name has letters, digits and the characters C(_=+.-), and is not a number.
      - Where the sockets are in another namespace than the interface, a default route through the tunnel is an ordinary
        route of the main table, and O(outside_replies) has no effect.
    type: str
  birth_netns:
    description:
      - The network namespace in which the interface is made. Its UDP sockets stay there for good, and the endpoints of
        its peers are reached and looked up from there.
      - If not given, it is the host's own.
      - It cannot be changed for an interface that is there. Such a change is refused. Remove the interface first.
    type: str
"""
