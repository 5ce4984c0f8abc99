# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, routes and rules with everything that one can give them, on a link that is up."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.restore import diff_restore
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel, reading
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import AddRoute
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.rtnetlink import RouteNetlink
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.snapshot import (
    decode_state,
    encode_state,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.kernel.raw import Message, link_messages

ADDRESSES = (
    "10.9.0.1/24",
    "10.9.0.2/24",
    "10.9.0.3/24 label LINK:three",
    "10.8.0.1/32 peer 10.8.0.2/32",
    "10.8.0.1/32 peer 10.8.0.3/32",
    "10.7.0.1/24 broadcast 10.7.0.255 scope link",
    "10.6.0.1/24 noprefixroute",
    "10.5.0.1/24 metric 50",
    "10.4.0.1/24 valid_lft 3000 preferred_lft 2000",
    "fd01::1/64 nodad",
    "fd02::1/64 noprefixroute",
    "fd03::1/64 valid_lft 3000 preferred_lft 2000",
    "fd04::1/128 peer fd04::2/128",
    "fd05::1/64 metric 77 mngtmpaddr",
    "fd06::1/64 preferred_lft 0",
)

# What an operator or wg-quick sets by hand, and what others do. Each is "-4" or "-6" and the words of ``ip route add``.
ROUTES = (
    "-4 10.20.0.0/16",
    "-4 10.20.0.0/16 metric 100",
    "-4 10.20.0.0/16 metric 200 proto static src 10.9.0.1 mtu 1300 advmss 1200",
    "-4 10.20.0.0/16 tos 0x10",
    "-4 10.21.0.0/16 via 10.9.0.77 proto bird metric 32",
    "-4 10.22.0.0/16 via 10.99.0.1 onlink proto zebra",
    "-4 10.23.0.0/16 via inet6 fd01::77 proto bgp",
    "-4 10.24.0.0/16 table 1234 proto dhcp scope global src 10.9.0.2 realm 5 initcwnd 20 rto_min 300ms",
    "-4 10.25.0.0/16 mtu lock 1290 proto 87",
    "-4 10.26.0.0/16 proto ospf nexthop dev LINK weight 3 nexthop dev OTHER weight 1",
    "-4 10.28.0.0/16 proto bird metric 32",
    "-4 local 10.27.0.0/16 proto boot table local",
    "-4 multicast 239.1.0.0/16 proto static",
    "-6 fd20::/64",
    "-6 fd20::/64 metric 100 src fd01::1 mtu 1300 hoplimit 9",
    "-6 fd21::/64 via fd01::77 proto bird pref high",
    "-6 fd22::/64 proto static expires 2500",
    "-6 fd23::/64 from fd01::/64 proto bgp metric 9",
    "-6 fd24::/64 table 1234 proto ra",
    "-6 fd25::/64 proto ospf nexthop via fd01::7 dev LINK nexthop via fd01::8 dev LINK",
    "-6 local fd26::/64 proto static",
    "-6 fd28::/64 metric 100",
    "-6 fd27::/64 proto bgp metric 20 nexthop via fd01::7 dev LINK nexthop via fd98::7 dev OTHER",
)
RULES = (
    "-4 not fwmark 51820 table 51820 priority 900 protocol static iif lo ipproto udp",
    "-4 not fwmark 51821/0xffff table 51821 priority 901 from 10.0.0.0/8 tos 0x10",
    "-4 table main suppress_prefixlength 0 priority 899 protocol zebra uidrange 0-0",
    "-6 not fwmark 51820 table 51820 priority 900 suppress_prefixlength 3 sport 100-200",
    "-6 table main suppress_prefixlength 0 priority 899 to fd00::/8",
)


def route_words(route: str, link: str, other: str) -> list[str]:
    """The arguments of ``ip`` that add a route by the link; multipath routes name it themselves."""
    words = route.replace("LINK", link).replace("OTHER", other).split()
    return [words[0], "route", "add", *words[1:], *(() if "nexthop" in words else ("dev", link))]


def address_words(address: str, link: str) -> list[str]:
    return ["address", "add", *address.replace("LINK", link).split(), "dev", link]


def rule_words(rule: str) -> list[str]:
    family, *words = rule.split()
    return [family, "rule", "add", *words]


def furnish(link: str, other: str) -> None:
    """Give them to a link; ``other`` is another link that is up, with an address."""
    run("ip", "link", "set", other, "up")
    run("ip", "address", "add", "10.250.0.1/24", "dev", other)
    run("ip", "address", "add", "fd98::1/64", "dev", other)
    for address in ADDRESSES:
        run("ip", *address_words(address, link))
    for route in ROUTES:
        run("ip", *route_words(route, link, other))
    for rule in RULES:
        run("ip", *rule_words(rule))


def settled_messages(link: str) -> list[Message]:
    """What the kernel says of the link once it has looked for duplicates of each address, and routes to it."""
    deadline = time.monotonic() + 10
    while run("ip", "-6", "address", "show", "dev", link, "tentative") and time.monotonic() < deadline:
        time.sleep(0.05)
    return link_messages(link)


def read_state(name: str) -> RunningState:
    """The part of a link's state that is neither WireGuard's nor netfilter's."""
    with RouteNetlink() as netlink:
        link = netlink.link(name)
        assert link is not None
        addresses = reading.interface_addresses(netlink, link)
        routes = reading.interface_routes(netlink, link.ifindex)
        rules, priorities = reading.policy_rules(netlink)
    return RunningState(
        name,
        exists=True,
        up=link.up,
        mtu=link.mtu,
        addresses=addresses.found,
        routes=routes.owned,
        other_routes=routes.others,
        lifetimes={**addresses.lifetimes, **routes.lifetimes},
        rules=rules,
        priorities=priorities,
    )


# A link that is no WireGuard interface has no mark that tells whose the rules are.
_MARKS = {51820}


def restore(name: str, before: RunningState) -> list[str]:
    """Put the state back; what could not be is returned in words."""
    for step in diff_restore(read_state(name), before, {}, _MARKS):
        kernel.HostKernel().apply(name, step)
    return [operation.describe() for step in diff_restore(read_state(name), before, {}, _MARKS) for operation in step]


def _link_type() -> str:
    """A type of link that this kernel has and that needs nothing below it."""
    for kind in ("dummy", "ifb"):
        with suppress(RuntimeError):
            run("ip", "link", "add", "d1", "type", kind)
            return kind
    raise RuntimeError("this kernel has neither dummy nor ifb links")


def main(steps: list[list[str]]) -> None:
    kind = _link_type()
    for words in ("link add d0 type TYPE", "link set lo up", "link set d0 addrgenmode none", "link set d0 up"):
        run("ip", *words.replace("TYPE", kind).split())
    Path("/proc/sys/net/ipv4/conf/d0/promote_secondaries").write_text("1")
    furnish("d0", "d1")
    found = []
    for commands in steps:
        raw = settled_messages("d0")
        before = decode_state(json.loads(json.dumps(encode_state(read_state("d0")))))
        for command in commands:
            run("ip", *command.replace("TYPE", kind).split())
        changed = len(set(raw) ^ set(link_messages("d0")))
        left = restore("d0", before)
        # A routing daemon that is quicker than we are is no obstacle.
        kernel.HostKernel().apply("d0", [AddRoute(route, before.lifetimes.get(route)) for route in before.other_routes])
        now = read_state("d0")
        shorter = [life.valid - now.lifetimes[each].valid for each, life in before.lifetimes.items()]
        different = [str(each) for each in sorted(set(raw) ^ set(settled_messages("d0")))]
        found.append({"changed": changed, "different": different, "left": left, "shorter": max(map(abs, shorter))})
    print(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
