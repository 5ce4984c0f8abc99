# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes from answers: what spoils an answer is the first finding, and no host's nonsense is another one's fault."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.cause import run_site
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.causes import CAUSES
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.questions import PlannedEnd, choose_tunnels
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.tunnel import ExaminedEnd
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.doctor import (
    render_diagnosis,
    render_diagnosis_json,
)
from ansible_collections.cryptokey.wireguard.tests.unit.doctor.sound import NOW, Sound
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

# The tunnel is cut, and these answers say why.
CUT: dict[str, Callable[[Sound], Any]] = {
    "no_interface office": lambda sound: sound.of("office").update(kind=""),
    "other_kind office": lambda sound: sound.of("office").update(kind="tun"),
    "no_key hub": lambda sound: sound.of("hub").update(public_key=""),
    "port_taken hub": lambda sound: sound.of("hub").update(up=False, holders=["named"]),
    "link_down hub": lambda sound: sound.of("hub").update(up=False, holders=[]),
    "not_bound hub": lambda sound: sound.of("hub").update(holders=["named"]),
    "wrong_port hub": lambda sound: sound.of("hub").update(listen_port=51999),
    "no_address office": lambda sound: sound.of("office").update(addresses=["10.8.0.9/24"]),
    "wrong_own_key office": lambda sound: sound.of("office").update(public_key=key_of("other")),
    "wrong_key office hub": lambda sound: sound.peer("office").update(public_key="", instead=key_of("other")),
    "no_peer hub office": lambda sound: sound.peer("hub").update(public_key="", instead=""),
    "preshared_key office hub": lambda sound: sound.peer("office").update(preshared="0c24b6"),
    "name_unresolved office hub": lambda sound: sound.of("office")["names"][0].update(addresses=[]),
    "no_endpoint office hub": lambda sound: sound.peer("office").update(endpoint=""),
    "endpoint_outdated office hub": lambda sound: sound.peer("office").update(endpoint="203.0.113.9:51820"),
    "no_route_to_endpoint office hub": lambda sound: sound.peer("office").update(outer=""),
    "endpoint_in_tunnel office hub": lambda sound: sound.peer("office").update(outer="wg0"),
    "allowed_ips hub office": lambda sound: sound.peer("hub").update(allowed_ips=["10.8.0.9/32"]),
    "nothing_leaves office hub": lambda sound: sound.of("office")["sightings"].clear(),
    "port_dropped hub": lambda sound: sound.of("hub").update(port_drops=["a chain drops. To allow it, run 'x'"]),
    "rp_filter office hub": lambda sound: sound.of("hub").update(
        refused=[{"host": "192.0.2.7", "link": "eth0", "back": "eth1"}]
    ),
    "not_arriving office hub": lambda sound: sound.of("hub")["sightings"].pop(),
    "clock office hub": lambda sound: sound.peer("hub").update(latest_handshake=NOW + 3600),
    "not_accepted office hub": lambda _sound: None,
    "no_reply office hub": lambda sound: [sound.peer(host).update(latest_handshake=NOW) for host in sound.answers],
    "policy_denies office hub": lambda sound: (
        CUT["no_reply office hub"](sound),
        sound.of("hub").update(denied=3),
    ),
    "no_answer hub": lambda sound: sound.answers.clear(),
    "other_end_unknown office hub": lambda sound: sound.answers.pop("hub"),
    "no_cause office hub": lambda sound: [sound.of(host).update(sightings=None) for host in sound.answers],
}

# The tunnel carries traffic, and these are found nonetheless.
CARRYING: dict[str, Callable[[Sound], Any]] = {
    "other_interface office hub": lambda sound: sound.peer("office")["ways"][0].update(link="eth1", owner="eth1"),
    "no_route office hub": lambda sound: sound.peer("office")["ways"][0].update(link=""),
    "wrong_route office hub": lambda sound: sound.peer("office")["ways"][0].update(link="eth1"),
    "no_forwarding hub": lambda sound: sound.of("hub").update(forwarding={"ipv4": False, "ipv6": True}),
    "forward_dropped hub": lambda sound: sound.of("hub").update(forward_drops=["a chain drops. To allow it, run 'x'"]),
    "nat_changed office hub": lambda sound: (
        sound.peer("office").update(persistent_keepalive=0),
        sound.peer("hub").update(endpoint_before="192.0.2.7:39999"),
    ),
    "mtu office hub": lambda sound: sound.peer("office")["pings"][0].update(size=1300),
    "not_at_boot office": lambda sound: sound.of("office").update(at_boot=False),
}


def named(label: str) -> tuple[str, str, str]:
    code, host, peer = f"{label} ".split(" ")[:3]
    return code, host, peer


@pytest.mark.parametrize("label", [*CUT, *CARRYING])
def test_what_is_spoiled_is_the_first_finding(label: str) -> None:
    sound = Sound()
    if label in CUT:
        sound.cut()
        CUT[label](sound)
    else:
        CARRYING[label](sound)
    found = sound.diagnose()
    first = found.findings[0]
    assert (first.code, first.host, first.peer) == named(label)
    assert found.up == (label in CARRYING)
    lines = render_diagnosis(found)
    assert lines[0].startswith(f"{first.host} -> {first.peer}: " if first.peer else f"{first.host}: ")
    assert first.remedy in lines[0]
    assert lines[-1].startswith("Tunnels: 1, ")


def test_the_setting_of_a_vlan_is_one_that_sysctl_knows() -> None:
    sound = Sound()
    sound.cut()
    sound.of("hub")["refused"] = [{"host": "192.0.2.7", "link": "eth0.100", "back": "eth1"}]
    remedy = sound.diagnose().findings[0].remedy
    assert remedy.endswith("or run 'sysctl net.ipv4.conf.eth0/100.rp_filter=2'")
    sound.of("hub")["refused"][0]["link"] = "x;reboot"
    assert "'net.ipv4.conf.x;reboot.rp_filter=2'" in sound.diagnose().findings[0].remedy


def test_a_command_has_no_text_of_a_host_in_place_of_an_address() -> None:
    sound = Sound()
    sound.peer("office")["ways"][0].update(prefix="$(reboot)/32", link="eth1")
    assert sound.diagnose().findings == []
    assert "$(reboot)" in sound.diagnose().notes[0]


def test_any_name_of_a_host_is_one_word_of_a_command() -> None:
    end = PlannedEnd("a;reboot $(id)", {}, {})
    command = run_site(ExaminedEnd(end, None))
    assert shlex.split(command)[-2:] == ["-e", "wireguard_hosts=a;reboot $(id)"]


def test_every_cause_is_spoiled_for() -> None:
    assert {cause.code for cause in CAUSES} == {named(label)[0] for label in [*CUT, *CARRYING]}


def test_nothing_is_found_while_all_is_well() -> None:
    found = Sound().diagnose()
    assert (found.findings, found.up, found.total) == ([], 1, 1)
    assert render_diagnosis(found) == ["Nothing found: the tunnel carries traffic."]


def test_a_silent_end_is_no_fault_while_the_other_one_gets_answers() -> None:
    sound = Sound()
    sound.answers["hub"] = {"unreachable": True, "msg": "no route to host"}
    found = sound.diagnose()
    assert found.findings == []
    assert found.notes == ["hub could not be asked: no route to host"]


def test_a_session_of_before_is_no_sign_of_an_end_that_cannot_be_asked() -> None:
    sound = Sound()
    sound.cut()
    sound.peer("office").update(latest_handshake=NOW, received=0)
    del sound.answers["hub"]
    assert sound.diagnose().findings[0].code == "other_end_unknown"


def test_ends_that_did_not_watch_together_do_not_miss_packets() -> None:
    """As where there are fewer forks than hosts."""
    sound = Sound()
    sound.cut()
    for host in sound.answers:
        sound.of(host)["sightings"].pop()
    sound.of("hub").update(started=NOW + 20, ended=NOW + 30)
    assert sound.diagnose().findings[0].code == "no_cause"


def test_a_key_that_is_about_to_change_is_right_in_both_forms() -> None:
    sound = Sound()
    for plans in sound.plans.values():
        for peer in plans[0]["options"]["peers"]:
            peer["next_public_key"] = key_of("next")
    sound.plans["hub"][0]["next_public_key"] = key_of("next")
    sound.of("hub")["public_key"] = key_of("next")
    new = {**sound.peer("office"), "public_key": key_of("next")}
    sound.peer("office")["allowed_ips"] = []
    sound.of("office")["peers"].append(new)
    assert sound.diagnose().findings == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each place of a nested value where something else can stand: its container and its key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in [(value, key), *places(inner)]]


@given(data=st.data())
def test_nonsense_of_one_host_fails_that_host_alone(data: st.DataObject) -> None:
    """The tunnel carries traffic by what the other end says, and nothing is raised."""
    sound = Sound()
    container, key = data.draw(st.sampled_from(places(sound.answers["hub"])))
    container[key] = data.draw(_VALUES)
    found = sound.diagnose()
    assert all(line.isprintable() for line in render_diagnosis(found))
    assert render_diagnosis_json(found).endswith("\n")
    assert not [note for note in found.notes if note.startswith("office")]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "wireguard\x1b[2J"),
        ("port_drops", ["run 'rm -rf /'\nas root"]),
        ("listen_port", 70000),
        ("mtu", True),
        ("started", float("nan")),
        ("peers", [{"name": "office"}]),
        ("peers", [{"name": "another", "public_key": ""}]),
        ("sightings", [[True, "192.0.2.1", 1, "eth0", 9, 1]]),
        ("sightings", [[True, "192.0.2.1"]]),
        ("forwarding", {}),
        ("denied", -1),
        ("addresses", ["{{ lookup('pipe', 'id') }}"]),
        ("refused", [{"host": "192.0.2.7", "link": "eth0\n"}]),
    ],
)
def test_nonsense_is_named(key: str, value: Any) -> None:
    sound = Sound()
    sound.of("hub")[key] = value
    found = sound.diagnose()
    (note,) = found.notes
    assert note.startswith("hub could not be asked: results[0].")
    assert note.isprintable()


def test_tunnels_are_chosen_once_and_begin_where_packets_do() -> None:
    """A client has a tunnel, but cannot be asked."""
    inventory = Inventory()
    inventory.networks["home"]["clients"] = {"phone": {"public_key": key_of("phone")}}
    plans = {name: [entry] for name, entry in inventory.plan().hosts.items()}
    pairs = [(tunnel.one.host, tunnel.other.host) for tunnel in choose_tunnels(plans, ["hub", "ada", "nobody"])]
    assert pairs == [("ada", "hub"), ("bob", "hub"), ("cid", "hub")]
    assert [tunnel.one.host for tunnel in choose_tunnels(plans, ["ada"])] == ["ada"]


def test_a_peer_whose_key_is_not_known_is_not_asked_for() -> None:
    plans = {name: [entry] for name, entry in Inventory().plan(without=["ada"]).hosts.items()}
    assert choose_tunnels(plans, ["ada"]) == []
