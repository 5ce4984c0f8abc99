# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for people: a table, graphs that Graphviz and Mermaid take, and one host's part."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.columns import shorten
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_graph import list_edges, read_graphs
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import (
    render_dot,
    render_graph,
    render_host,
    render_mermaid,
    render_plan,
    render_table,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of


def peer(name: str, *allowed_ips: str, endpoint: str = "", keepalive: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "public_key": key_of(name),
        **({"endpoint": endpoint} if endpoint else {}),
        "allowed_ips": list(allowed_ips),
        "persistent_keepalive": keepalive,
    }


def entry(addresses: list[str], *peers: dict[str, Any], network: str = "home", **options: Any) -> dict[str, Any]:
    forwarding = options.pop("forwarding", {})
    given = {"interface": "wg0", "addresses": addresses, "peers": list(peers), "peers_mode": "exact", **options}
    return {"network": network, "options": given, "interface_options": {}, "forwarding": forwarding}


HUB = "vpn.example.org:51820"
PLAN: dict[str, Any] = {
    "hosts": {
        "hub-1.example.org": [
            entry(
                ["10.8.0.1/24", "fd00:8::1/64"],
                peer("laptop", "10.8.0.2/32", "fd00:8::2/128"),
                peer("office", "10.8.0.3/32", *(f"192.168.{n}.0/24" for n in range(7, 12))),
                peer("phone", "10.8.0.200/32"),
                listen_port=51820,
                forwarding={"ipv4": True, "ipv6": True},
            ),
            entry(["10.9.0.1/24"], network="lab", interface="wg1"),
        ],
        "laptop": [
            entry(
                ["10.8.0.2/24", "fd00:8::2/64"],
                peer("hub-1.example.org", "0.0.0.0/0", "::/0", endpoint=HUB, keepalive=25),
            )
        ],
        "new": [entry(["10.8.0.4/24"], peer("hub-1.example.org", "10.8.0.0/24", endpoint=HUB, keepalive=25))],
        "office": [entry(["10.8.0.3/24"], peer("hub-1.example.org", "10.8.0.0/24", endpoint=HUB, keepalive=25))],
    },
    "clients": {
        "home": {
            "old": {**entry(["10.8.0.201/32"])["options"], "public_key": key_of("old"), "expired": True},
            "phone": {
                **entry(["10.8.0.200/32"], peer("hub-1.example.org", "0.0.0.0/0", endpoint=HUB, keepalive=25))[
                    "options"
                ],
                "public_key": key_of("phone"),
                "expired": False,
                "valid_until": "2026-12-31",
            },
        }
    },
    "unknown_keys": ["new"],
    "changed_keys": [],
    "outside": ["web1"],
}


def test_the_table() -> None:
    home, lab, remarks = re.split(r"\n\n(?=Network|No)", render_table(PLAN))
    hub, at_hub = ["hub-1.example.org", "hub", "10.8.0.1, fd00:8::1"], ["hub-1.example.org", HUB]
    title, empty, *lines = home.splitlines()
    assert (title, empty) == ("Network home", "")
    assert [re.split(r"  +", line) for line in lines] == [
        ["MEMBER", "KIND", "ADDRESSES", "PEER", "ENDPOINT", "ALLOWED IPS", "KEEPALIVE"],
        [*hub, "laptop", "-", "10.8.0.2/32, fd00:8::2/128", "-"],
        [*hub, "office", "-", "10.8.0.3/32, 192.168.7.0/24 and 4 more", "-"],
        [*hub, "phone", "-", "10.8.0.200/32", "-"],
        ["laptop", "host", "10.8.0.2, fd00:8::2", *at_hub, "0.0.0.0/0, ::/0", "25 s"],
        ["new", "host, no key yet", "10.8.0.4", *at_hub, "10.8.0.0/24", "25 s"],
        ["office", "host", "10.8.0.3", *at_hub, "10.8.0.0/24", "25 s"],
        ["old", "client, expired", "10.8.0.201", "(none)", "-", "-", "-"],
        ["phone", "client", "10.8.0.200", *at_hub, "0.0.0.0/0", "25 s"],
    ]
    assert (
        len({line.index(word) for line, word in zip(lines[:4], ["PEER", "laptop", "office", "phone"], strict=True)})
        == 1
    )
    assert lab.endswith("\nhub-1.example.org  host  10.9.0.1   (none)  -         -            -")
    assert remarks == "No public key is known yet of new: their peers do not have it.\nIn no network: web1.\n"


def test_mermaid() -> None:
    text = render_mermaid(PLAN)
    assert text == (
        "flowchart LR\n"
        '    subgraph g_home["home"]\n'
        '        n_home_hub_1_example_org{{"hub-1.example.org<br>10.8.0.1<br>fd00:8::1<br>vpn.example.org:51820"}}\n'
        '        n_home_laptop["laptop<br>10.8.0.2<br>fd00:8::2"]\n'
        '        n_home_new["new<br>10.8.0.4<br>no key yet"]\n'
        '        n_home_office["office<br>10.8.0.3<br>192.168.7.0/24, 192.168.8.0/24 and 3 more"]\n'
        '        n_home_old("old<br>10.8.0.201<br>expired")\n'
        '        n_home_phone("phone<br>10.8.0.200")\n'
        "    end\n"
        "    n_home_laptop --> n_home_hub_1_example_org\n"
        "    n_home_new -.-> n_home_hub_1_example_org\n"
        "    n_home_office --> n_home_hub_1_example_org\n"
        "    n_home_phone --> n_home_hub_1_example_org\n"
        '    subgraph g_lab["lab"]\n'
        '        n_lab_hub_1_example_org["hub-1.example.org<br>10.9.0.1"]\n'
        "    end\n"
    )


def test_one_hosts_part() -> None:
    lines = render_host(PLAN, "hub-1.example.org").splitlines()
    assert lines[:7] == [
        "hub-1.example.org, wg0 in home",
        "  addresses    10.8.0.1/24, fd00:8::1/64",
        "  peers_mode   exact",
        "  listen_port  51820",
        "  forwarding   ipv4, ipv6",
        "  PEER    PUBLIC KEY                                    ENDPOINT  KEEPALIVE  ALLOWED IPS",
        f"  laptop  {key_of('laptop')}  -         -          10.8.0.2/32, fd00:8::2/128",
    ]
    assert "hub-1.example.org, wg1 in lab" in lines
    assert render_host(PLAN, "phone").startswith("phone, wg0 in home\n")
    assert "  valid_until  2026-12-31\n" in render_host(PLAN, "phone")
    with pytest.raises(InputError, match="host 'web1': in no network; name a host or client of one"):
        render_host(PLAN, "web1")


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match="format 'svg': unknown; write table, mermaid, dot"):
        render_plan(PLAN, "svg")
    with pytest.raises(InputError, match="format 'table': not a graph; write mermaid or dot"):
        render_graph(PLAN, "table")
    assert render_graph(PLAN) == render_plan(PLAN, "mermaid")
    assert render_graph(PLAN, "dot") == render_plan(PLAN, "dot")


def mesh(**endpoints: str) -> dict[str, Any]:
    """Members of these names, all meshed, each with its endpoint, which may be empty, and a subnet behind it."""
    numbers = {name: number for number, name in enumerate(endpoints, 1)}
    return {
        "hosts": {
            name: [
                entry(
                    [f"10.8.0.{number}/24"],
                    *(
                        peer(other, f"10.8.0.{n}/32", f"192.168.{n}.0/24", endpoint=endpoints[other])
                        for other, n in numbers.items()
                        if other != name
                    ),
                )
            ]
            for name, number in numbers.items()
        }
    }


def test_arrows_lead_to_whom_can_be_called_and_gateways_are_no_hubs() -> None:
    plan = mesh(a="a.example:1", b="b.example:1", c="", d="")
    (picture,) = read_graphs(plan)
    assert {member.kind for member in picture.members.values()} == {"host"}
    assert [member.behind for member in picture.members.values()] == [(f"192.168.{n}.0/24",) for n in range(1, 5)]
    arrows = re.findall(r"n_home_(\w) (\S+) n_home_(\w)", render_mermaid(plan))
    assert arrows == [
        ("a", "<-->", "b"), ("c", "-->", "a"), ("d", "-->", "a"),
        ("c", "-->", "b"), ("d", "-->", "b"), ("c", "---", "d"),
    ]  # fmt: skip
    del plan["hosts"]["a"][0]["options"]["peers"][0]  # a lacks the key of b, and d that of c
    del plan["hosts"]["d"][0]["options"]["peers"][2]
    arrows = re.findall(r"n_home_(\w) (\S+) n_home_(\w)", render_mermaid(plan))
    assert arrows[0] == ("b", "-.->", "a")
    assert arrows[-1] == ("c", "-.-", "d")


# Names that are as awkward as an inventory allows, and more so.
names = st.text(st.sampled_from('ab.-_é "<>#&;\\]end'), min_size=1, max_size=12)
endpoints = st.sampled_from(["", "vpn.example.org:51820", "[2001:db8::1]:51820"])
plans = st.dictionaries(names, endpoints, min_size=1, max_size=8).map(lambda members: mesh(**members))

_ID = r"[A-Za-z][A-Za-z0-9_]*"
_TEXT = r"(?:[\w .,:/@\[\]()-]|#[0-9]+;|<br>)*"
_NODE = re.compile(rf'        ({_ID})(?:\{{\{{"({_TEXT})"\}}\}}|\["({_TEXT})"\]|\("({_TEXT})"\))')
_EDGE = re.compile(rf"    ({_ID}) (?:<?--|<?-\.-)[->]? ({_ID})")


@given(plans)
def test_mermaid_of_any_names_keeps_to_a_strict_grammar(plan: dict[str, Any]) -> None:
    first, group, *lines = render_mermaid(plan).splitlines()
    assert (first, group) == ("flowchart LR", '    subgraph g_home["home"]')
    end = lines.index("    end")
    nodes = [_NODE.fullmatch(line) for line in lines[:end]]
    edges = [_EDGE.fullmatch(line) for line in lines[end + 1 :]]
    assert all(nodes)
    assert all(edges)
    ids = [match[1] for match in nodes if match]
    assert len(set(ids)) == len(plan["hosts"])
    count = len(ids)
    assert len({(match[1], match[2]) for match in edges if match}) == count * (count - 1) // 2
    assert {match[number] for match in edges if match for number in (1, 2)} <= set(ids)
    shown = [
        re.sub(r"#([0-9]+);", lambda code: chr(int(code[1])), match[0].partition('"')[2].split("<br>")[0])
        for match in nodes
        if match
    ]
    assert shown == sorted(plan["hosts"])


def graphviz(text: str) -> list[list[str]]:
    """What Graphviz made of it: a line a node and an edge, in words."""
    done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return [re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line) for line in done.stdout.splitlines()]


def test_graphviz_takes_it() -> None:
    lines = graphviz(render_dot(PLAN))
    assert [line[1] for line in lines if line[0] == "node"] == [
        f'"{name}"' if "-" in name or "/" in name else name
        for name in (
            "home/hub-1.example.org",
            "home/laptop",
            "home/new",
            "home/office",
            "home/old",
            "home/phone",
            "lab/hub-1.example.org",
        )
    ]
    shapes = {line[1].strip('"'): line[8] for line in lines if line[0] == "node"}
    assert shapes["home/hub-1.example.org"] == "hexagon"
    assert shapes["home/phone"] == "ellipse"
    edges = {line[1].strip('"'): line[2].strip('"') for line in lines if line[0] == "edge"}
    hub = "home/hub-1.example.org"
    assert edges == dict.fromkeys(("home/laptop", "home/new", "home/office", "home/phone"), hub)
    assert [line[1] for line in lines if line[0] == "edge" and "dashed" in line] == ['"home/new"']


def test_graphviz_takes_awkward_names() -> None:
    names = ['a"b', "a\\b", "a\\", "end", "a b", "<b>", "é;"]
    lines = graphviz(render_dot(mesh(**dict.fromkeys(names, "x.example:1"))))
    assert sum(line[0] == "node" for line in lines) == len(names)
    assert sum(line[0] == "edge" for line in lines) == len(names) * (len(names) - 1) // 2


@given(plans)
def test_every_pair_is_in_the_table_and_the_links(plan: dict[str, Any]) -> None:
    (picture,) = read_graphs(plan)
    count = len(plan["hosts"])
    assert len(list(list_edges(picture))) == count * (count - 1) // 2
    assert render_table(plan).count("\n") == 3 + max(count * (count - 1), 1)


@given(st.lists(st.text(st.sampled_from("abc"), min_size=1, max_size=9), max_size=9), st.integers(1, 40))
def test_a_shortened_list_says_how_many_it_lacks(texts: list[str], width: int) -> None:
    text = shorten(texts, width)
    kept, _and, more = text.partition(" and ")
    shown = kept.split(", ") if kept else []
    assert shown == texts[: len(shown)]
    assert len(shown) + (int(more.removesuffix(" more")) if more else 0) == len(texts)
    assert len(text) <= width or len(shown) < 2
