# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML page of a status document, without a browser. tests/page opens it in one."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page import view
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.view import MOST_PEERS, view_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.words import write_age
from ansible_collections.cryptokey.wireguard.tests.unit.status.documents import (
    GENERATED,
    HOSTILE,
    World,
    add_hub_and_spoke,
    add_mesh,
    add_sites,
    document_with,
    make_document,
    pairs,
)

SIZES = (3, 20, 200, 1000)


class Page(HTMLParser):
    """A page as a parser reads it: its texts, and its elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._inside: str = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.texts.append(data)

    def with_attribute(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _tag, attributes in self.elements if name in attributes]


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_each_member_and_tunnel_is_there(size: int, planned: bool) -> None:
    document = make_document(size, planned)
    text = render_page(document)
    page = Page(text)
    assert render_page(document) == text
    assert len(text.encode()) <= 3_000_000
    assert len([tag for tag, _attributes in page.elements if tag == "details"]) == size
    counted = {what: page.with_attribute(f"data-{what}") for what in ("node", "edge")}
    assert sum(int(node["data-count"] or 0) for node in counted["node"]) == size
    assert sum(int(edge["data-count"] or 0) for edge in counted["edge"]) == len(pairs(document))
    if size <= 200:
        assert (len(counted["node"]), len(counted["edge"])) == (size, len(pairs(document)))
    names = Counter(page.texts)
    assert all(names[member["name"]] >= 2 for member in document["members"])


def test_links_lead_to_the_members_part() -> None:
    page = Page(render_page(make_document(20)))
    ids = Counter(element["id"] for element in page.with_attribute("id"))
    assert set(ids.values()) == {1}
    links = [str(element["href"]) for tag, element in page.elements if tag == "a"]
    assert {link[1:] for link in links} <= ids.keys()
    assert all(link.startswith("#") for link in links)


def test_nothing_is_asked_for_and_only_its_own_script_and_style_run() -> None:
    text = render_page(make_document(20))
    page = Page(text)
    (policy,) = (element["content"] for element in page.with_attribute("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert page.with_attribute("src") == page.with_attribute("style") == []
    assert [name for _tag, element in page.elements for name in element if name.startswith("on")] == []
    assert {tag for tag, _attributes in page.elements} & {"iframe", "object", "img", "form"} == {"form"}
    assert [element["href"] for tag, element in page.elements if tag == "link" and element["href"]] != []
    assert "unsafe" not in policy


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1), min_size=1, max_size=3, unique=True
    )
)
@example([*HOSTILE])
def test_any_text_is_shown_as_it_is(names: list[str]) -> None:
    plain = Page(render_page(document_with([f"n{number}" for number in range(len(names))])))
    page = Page(render_page(document_with(names)))
    # No element more or less than with plain names, and no attribute.
    assert sorted(shape(page)) == sorted(shape(plain))
    texts = Counter(page.texts)
    for name in names:
        assert texts[name] >= 4
        assert texts[f"{name} spoke"] >= 2


def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in page.elements]


def test_characters_that_no_page_can_hold_are_replaced() -> None:
    page = Page(render_page(document_with(["a\0b\x1b[2J\ud800\x85"])))
    assert "a\ufffdb\ufffd[2J\ufffd\ufffd" in page.texts


def test_what_is_down_comes_first_with_the_member_that_most_of_it_has_in_common() -> None:
    notes = view_document(make_document(20)).notes
    assert [(note.word, note.name, note.text) for note in notes] == [
        ("down", "db2", "3 tunnels are down: to db1, db3, db4"),
        ("down", "hub2", "2 tunnels are down: to hub1, spoke3"),
        ("drift", "hub1", "1 operation missing on the host: add peer spoke3"),
        ("unknown", "spoke7", "the host did not answer: connection timed out"),
        ("expires", "phone1", "valid until 2026-12-05, for 5 more days"),
    ]


def test_drift_that_is_of_no_peer_names_no_member_whose_key_is_not_known() -> None:
    world = World()
    world.add_network("home", "hub_and_spoke", "10.8.0.0/24")
    drift = [{"action": "set", "peer": None, "attribute": "mtu", "before": 1400, "after": 1420}]
    world.add_member("home", "hub1", "hub", drift=drift)
    world.add_member("home", "newcomer", public_key=None)
    member = next(each for each in view_document(world.document()).members if each.status["name"] == "hub1")
    assert member.drift == ["set mtu: 1400 -> 1420"]


def test_a_page_stays_small_although_all_of_a_host_differs() -> None:
    document = make_document(20)
    lines = [f"AllowedIPs = 10.8.{number // 250}.{number % 250}/32" for number in range(10_000)]
    operation = {"action": "set", "peer": None, "attribute": "wg0.conf", "before": lines, "after": ["x" * 100_000]}
    hub = next(member for member in document["members"] if member["name"] == "hub1")
    size = len(render_page(document))
    hub["drift"] = [operation] * 30
    page = render_page(document)
    assert len(page) < size + 10_000
    assert "And 20 more operations, which the status document has." in page
    assert re.search(r"and 9\d+ more", page)


def test_a_client_is_seen_from_its_hub() -> None:
    document = make_document(20)
    client = next(member for member in view_document(document).members if member.status["name"] == "phone1")
    hub = next(tunnel for tunnel in document["tunnels"] if tunnel["peer"] == "phone1")
    assert hub["running"] is not None
    (peer,) = client.peers
    assert (peer.name, peer.by) == ("hub2", "hub2")
    assert (client.received, client.sent) == (hub["running"]["transfer_tx"], hub["running"]["transfer_rx"])


def test_a_large_mesh_is_one_group_and_its_page_stays_small() -> None:
    world = World()
    add_mesh(world, "mesh", (f"host{number}" for number in range(210)))
    document = world.document()
    view = view_document(document)
    picture = view.networks[0].picture
    assert picture is not None
    assert [len(node.members) for node in picture.nodes] == [210]
    assert [(edge.ends, edge.tunnels) for edge in picture.edges] == [((0, 0), 210 * 209 // 2)]
    assert sum(len(member.peers) for member in view.members) <= MOST_PEERS
    assert all(len(member.peers) + member.more == 209 for member in view.members)
    assert len(render_page(document).encode()) <= 3_000_000


def test_what_is_down_is_drawn_above_the_rest() -> None:
    (picture,) = (network.picture for network in view_document(make_document(20)).networks if network.name == "corp")
    assert picture is not None
    assert [edge.state for edge in picture.edges] == ["up"] * 6 + ["unknown"] * 2 + ["down"] * 2


def test_without_igraph_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(MissingLibrary, match="the HTML page needs the Python library igraph: install the package "):
        render_page(make_document(3))


def test_the_longest_lists_of_peers_are_cut_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MOST_PEERS", 100)
    world = World()
    add_hub_and_spoke(world, "home", 1, 60, 0)
    hub, *spokes = view_document(world.document()).members
    assert (len(hub.peers), hub.more) == (40, 20)
    assert {(len(spoke.peers), spoke.more) for spoke in spokes} == {(1, 0)}
    # What is down is not what is left out.
    assert [peer.state for peer in hub.peers[:3]] == ["down"] * 3


def test_the_same_problem_of_several_members_is_one_note() -> None:
    world = World()
    world.add_network("home", "mesh")
    for name in ("a2", "a10"):
        world.add_member("home", name, state="unknown", problem="no route to host")
    (note,) = view_document(world.document()).notes
    assert note[1:] == ("unknown", "members", "2 members", "no route to host: a2, a10")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (172800, "2 d ago"),
        (-300, "in 5 min"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert write_age(seconds) == text


@pytest.mark.parametrize("time", [0, GENERATED + 300, 10**15])
def test_any_time_of_a_host_is_shown(time: int) -> None:
    world = World()
    world.add_network("home", "mesh")
    world.add_member("home", "host", key_since=time)
    page = Page(render_page(world.document()))
    assert page.with_attribute("datetime")[-1]["title"] in {
        "1970-01-01 00:00:00 UTC",
        "2026-11-30 12:05:00 UTC",
        str(time),
    }


def test_no_two_nodes_of_a_picture_touch() -> None:
    world = World()
    add_hub_and_spoke(world, "one", 1, 150, 30)
    add_hub_and_spoke(world, "many", 12, 100, 12)
    add_mesh(world, "mesh", (f"host{number}" for number in range(60)))
    add_sites(world, "sites", (f"site{number}" for number in range(9)))
    for network in view_document(world.document()).networks:
        assert network.picture is not None
        nodes = network.picture.nodes
        closest = min(
            (first.x - second.x) ** 2 + (first.y - second.y) ** 2
            for number, first in enumerate(nodes)
            for second in nodes[:number]
        )
        assert closest >= 14**2
        left, top, width, height = network.picture.box
        assert all(left < node.x < left + width and top < node.y < top + height for node in nodes)
