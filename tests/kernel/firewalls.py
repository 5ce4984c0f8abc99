# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that Docker, ufw and firewalld load on a host, in the shape in which they do, without their daemons."""

from __future__ import annotations

import subprocess

from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace

# As the nft backend of iptables makes them.
_DOCKER = """table ip nat {
    chain PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local counter jump DOCKER
    }
    chain OUTPUT {
        type nat hook output priority -100; policy accept;
        ip daddr != 127.0.0.0/8 fib daddr type local counter jump DOCKER
    }
    chain POSTROUTING {
        type nat hook postrouting priority srcnat; policy accept;
        oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
    }
    chain DOCKER {
        iifname "docker0" counter return
        iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80
    }
}
table ip filter {
    chain DOCKER { iifname != "docker0" oifname "docker0" ip daddr 172.17.0.2 tcp dport 80 counter accept; }
    chain DOCKER-ISOLATION-STAGE-2 { oifname "docker0" counter drop; counter return; }
    chain DOCKER-ISOLATION-STAGE-1 {
        iifname "docker0" oifname != "docker0" counter jump DOCKER-ISOLATION-STAGE-2
        counter return
    }
    chain DOCKER-USER { counter return; }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        counter jump DOCKER-USER
        counter jump DOCKER-ISOLATION-STAGE-1
        oifname "docker0" ct state related,established counter accept
        oifname "docker0" counter jump DOCKER
        iifname "docker0" oifname != "docker0" counter accept
        iifname "docker0" oifname "docker0" counter accept
    }
}
"""

# For each of ip and ip6 with its chains and its ICMP.
_UFW = """table FAMILY filter {
    chain CHAIN-user-input {
        tcp dport 22 counter accept
        udp dport 51820 counter accept
    }
    chain CHAIN-before-input {
        iifname "lo" counter accept
        ct state related,established counter accept
        ct state invalid counter drop
        meta l4proto ICMP counter accept
        counter jump CHAIN-user-input
    }
    chain CHAIN-reject-input {
        limit rate 3/minute burst 10 packets counter log prefix "[UFW BLOCK] "
        counter reject
    }
    chain CHAIN-track-output {
        meta l4proto tcp ct state new counter accept
        meta l4proto udp ct state new counter accept
    }
    chain INPUT {
        type filter hook input priority filter; policy drop;
        counter jump CHAIN-before-input
        counter jump CHAIN-reject-input
    }
    chain FORWARD { type filter hook forward priority filter; policy drop; }
    chain OUTPUT {
        type filter hook output priority filter; policy accept;
        counter jump CHAIN-track-output
    }
}
"""

_FIREWALLD = """table inet firewalld {
    chain mangle_PREROUTING {
        type filter hook prerouting priority mangle + 10; policy accept;
        jump mangle_PREROUTING_ZONES
    }
    chain mangle_PREROUTING_ZONES { }
    chain filter_PREROUTING {
        type filter hook prerouting priority filter + 10; policy accept;
        icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
        meta nfproto ipv6 fib saddr . mark . iif oif missing drop
    }
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_INPUT_ZONES
        reject with icmpx admin-prohibited
    }
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        reject with icmpx admin-prohibited
    }
    chain filter_INPUT_ZONES { goto filter_IN_public; }
    chain filter_IN_public {
        tcp dport 22 accept
        udp dport 51820 accept
        meta l4proto { icmp, ipv6-icmp } accept
    }
}
"""


RULES = {
    "docker": _DOCKER,
    "ufw": _UFW.replace("FAMILY", "ip").replace("CHAIN", "ufw").replace("ICMP", "icmp")
    + _UFW.replace("FAMILY", "ip6").replace("CHAIN", "ufw6").replace("ICMP", "ipv6-icmp"),
    "firewalld": _FIREWALLD,
}


def load_firewall(host: Namespace, name: str) -> None:
    command = ("ip", "netns", "exec", host.name, "nft", "-f", "-")
    done = subprocess.run(command, input=RULES[name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
