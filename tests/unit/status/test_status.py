# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status document: from a plan, from what hosts answer, and what has changed since an earlier one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.drift_report import HostDrift, Lack
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import (
    StatusFacts,
    plan_document,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.running_status import fill_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_changes import (
    list_changes,
    parse_document,
    write_changes,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_document import (
    MemberStatus,
    NetworkStatus,
    StatusChange,
    StatusDocument,
    TunnelStatus,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_table import make_table
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import example, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.status.documents import GENERATED, World, make_document

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/_static/status.schema.json").read_text())
TUNNEL = {"network": "home", "host": "a", "peer": "b", "state": "up"}
SET_MTU = {"action": "set", "peer": None, "attribute": "mtu", "before": 1400, "after": 1420}


def test_drift_is_listed_by_interface() -> None:
    hosts = {"hub1": [entry_of("home", "wg0"), entry_of("side", "wg1")]}
    lacks = (
        Lack("packages", "add", "packages"),
        Lack("running", "set", "mtu", "wg1", before=1400, after=1420),
        Lack("running", "add", "peers", "wg0", peer="office", public_key=key_of("office")),
        Lack("file", "set", "lines", file="/etc/wireguard/wg1.conf", before=["a"], after=["b"]),
        Lack("file", "set", "lines", file="/etc/sysctl.d/forwarding.conf", before=[], after=["b"]),
    )
    networks = {name: {"topology": "mesh", "prefixes": []} for name in ("home", "side")}
    planned = plan_document({"hosts": hosts, "clients": {}, "networks": networks}, GENERATED, "1.0.0")
    answer: dict[str, Any] = {name: {"interfaces": []} for name in ("wg0", "wg1")}

    def listed(drift: HostDrift) -> dict[str, Any]:
        document = fill_document(planned, hosts, {"hub1": answer}, {"hub1": drift})
        jsonschema.validate(document, SCHEMA)
        return {
            each["interface"]: None
            if each["drift"] is None
            else [f"{one['peer']} {one['attribute']}" for one in each["drift"]]
            for each in document["members"]
        }

    assert listed(HostDrift("hub1", "drift", lacks)) == {
        "wg0": ["None packages", "office peers", "None /etc/sysctl.d/forwarding.conf"],
        "wg1": ["None mtu", "None /etc/wireguard/wg1.conf"],
    }
    assert listed(HostDrift("hub1", "planned")) == {"wg0": [], "wg1": []}
    assert listed(HostDrift("hub1", "failed", message="no")) == {"wg0": None, "wg1": None}


def entry_of(network: str, interface: str) -> dict[str, Any]:
    options = {"interface": interface, "addresses": [], "peers": [], "peers_mode": "exact"}
    return {"network": network, "options": options}


def shaped(operations: list[dict[str, Any]] | None) -> StatusDocument:
    """A document whose first host with drift has these operations."""
    document = make_document(20)
    member = next(each for each in document["members"] if each["kind"] == "host")
    member["drift"] = operations
    return document


@pytest.mark.parametrize("count", [3, 20, 200])
def test_a_document_has_not_changed_since_itself(count: int) -> None:
    document = make_document(count)
    assert list_changes(document, document) == []
    assert list_changes(document, parse_document(json.dumps(document), "status.json")) == []


@given(st.integers(0, 19), st.sampled_from(["state", "endpoint", "public_key", "addresses"]))
def test_each_change_of_a_member_is_found_and_goes_back(place: int, attribute: str) -> None:
    before, after = make_document(20), make_document(20)
    member: Any = after["members"][place]
    assume(attribute != "state" or member["state"] != "unknown" or member["problem"])
    member[attribute] = ["10.99.0.1"] if attribute == "addresses" else "changed"
    (change,) = list_changes(before, after)
    assert (change["member"], change["attribute"], change["after"]) == (member["name"], attribute, member[attribute])
    (back,) = list_changes(before=after, after=before)
    assert (back["before"], back["after"]) == (change["after"], change["before"])


def test_who_came_and_who_left() -> None:
    before, after = make_document(20), make_document(20)
    left = before["members"][-1]
    after["members"] = after["members"][:-1]
    after["tunnels"] = [each for each in after["tunnels"] if left["name"] not in (each["host"], each["peer"])]
    changes = list_changes(before, after)
    assert f"{left['network']}: {left['name']}: removed" in write_changes(changes)
    assert f"{left['network']}: {left['name']}: added" in write_changes(list_changes(before=after, after=before))
    assert all("removed" in line for line in write_changes(changes))


def test_the_drift_of_a_host_that_does_not_answer_is_not_gone() -> None:
    before, after = shaped([SET_MTU]), shaped([SET_MTU])
    for member in after["members"]:
        member["drift"], member["state"], member["problem"] = None, "unknown", "no answer"
    assert {change["attribute"] for change in list_changes(before, after)} == {"state", "problem"}


def test_a_policy_that_denies_all_is_not_read_as_no_change() -> None:
    before, after = make_document(20), make_document(20)
    before["members"][0]["reaches"], after["members"][0]["reaches"] = None, []
    assert write_changes(list_changes(before, after))[0].endswith(": reaches all -> none")


def test_counters_and_roaming_are_no_change() -> None:
    before, after = make_document(20), make_document(20)
    for tunnel in after["tunnels"]:
        if tunnel["running"]:
            tunnel["running"] = {**tunnel["running"], "transfer_rx": 7, "transfer_tx": 8, "latest_handshake": 9}
            tunnel["running"]["endpoint"] = "203.0.113.9:9"
            tunnel["pings"] = []
    after["generated"] += 60
    assert list_changes(before, after) == []
    assert write_changes([]) == ["Nothing has changed since the baseline."]


def test_the_state_of_a_plan_is_not_compared() -> None:
    planned, running = make_document(20, planned=True), make_document(20)
    assert not [change for change in list_changes(planned, running) if change["attribute"] == "state"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("[]", "schema 1, not None"),
        ('{"schema": 2}', "schema 1, not 2"),
        ('{"schema": 1}', "missing or incomplete"),
        ('{"schema": 1, "members": [], "tunnels": [{}]}', "missing or incomplete"),
        ('{"schema": 1, "members": [{"name": "a"}], "tunnels": []}', "missing or incomplete"),
        ('{"schema": 1, "members": [{"network": [], "name": "a", "state": "up"}], "tunnels": []}', "incomplete"),
        (
            '{"schema": 1, "members": [], "tunnels": [{"network": 1, "host": "a", "peer": "b", "state": "up"}]}',
            "incomp",
        ),
        (json.dumps({"schema": 1, "members": [], "tunnels": [{**TUNNEL, "desired": None}]}), "incomplete"),
    ],
)
def test_another_file_is_no_baseline(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_document(text, "status.json")


def hosts_of(document: StatusDocument) -> list[str]:
    return list(dict.fromkeys(each["name"] for each in document["members"] if each["kind"] != "client"))


@pytest.mark.parametrize("only", ["up", "down", "unknown"])
def test_the_table_shows_only_what_is_asked_for_and_counts_all(only: str) -> None:
    document = make_document(200)
    whole = make_table(document, hosts_of(document), None, "host")
    part = make_table(document, hosts_of(document), only, "host")
    assert (part.up, part.down, part.unknown) == (whole.up, whole.down, whole.unknown)
    assert whole.total == whole.up + whole.down + whole.unknown
    shown = [line for line in part.lines if line.startswith(tuple(hosts_of(document)))]
    assert len(shown) == getattr(whole, only)
    assert all(line.endswith("<- down") is (only == "down") for line in shown)


def test_the_table_names_the_hosts_with_drift_and_what_to_do() -> None:
    document = shaped([SET_MTU])
    name = next(each["name"] for each in document["members"] if each["drift"] == [SET_MTU])
    lines = make_table(document, [name], None, "host").lines
    assert any(line.startswith(f"Drift on {name}.") for line in lines)
    clean = shaped([])
    for member in clean["members"]:
        member["drift"] = []
    assert "No host differs from the plan." in make_table(clean, hosts_of(clean), "drift", "host").lines


def test_a_sorted_table_has_the_worst_first() -> None:
    document = make_document(200)
    rows = make_table(document, hosts_of(document), "up", "ping").lines
    head = rows[0].index("PING ")
    pings = [float(line[head:].split()[0]) for line in rows[1:] if line[head:].split()[1:2] == ["ms"]]
    assert pings == sorted(pings, reverse=True)
    assert len(pings) > 20


def test_the_command_for_the_doctor_is_there_only_if_a_tunnel_is_down() -> None:
    document = make_document(20)
    lines = make_table(document, hosts_of(document), None, "host").lines
    down = any(line.endswith("<- down") for line in lines)
    assert down is any("cryptokey.wireguard.doctor" in line for line in lines)
    for tunnel in document["tunnels"]:
        tunnel["state"] = "up"
    for member in document["members"]:
        member["problem"] = ""
    assert not any("doctor" in line for line in make_table(document, hosts_of(document), None, "host").lines)


def test_the_commands_can_be_pasted_whatever_hosts_are_called() -> None:
    world = World()
    world.add_network("home", "mesh", "10.8.0.0/24")
    for name in ("a;reboot", "$(id) 'b'"):
        world.add_member("home", name, state="down", drift=[SET_MTU])
    world.link("home", "a;reboot", "$(id) 'b'")
    document = world.document()
    lines = make_table(document, hosts_of(document), None, "host").lines
    commands = [line.partition(": ")[2] for line in lines if "ansible-playbook" in line]
    assert [shlex.split(command)[1:] for command in commands] == [
        [f"cryptokey.wireguard.{playbook}", "-e", "wireguard_hosts=$(id) 'b',a;reboot"]
        for playbook in ("drift", "doctor")
    ]


def test_a_document_of_the_example_in_which_nothing_was_asked() -> None:
    planned = example("hub_and_spoke.yml").plan()
    hosts = {name: [{**plan, "network": "home"}] for name, plan in planned.hosts.items()}
    networks = {"home": {"topology": "hub_and_spoke", "prefixes": ["10.8.0.0/24"]}}
    facts = StatusFacts({("home", "hub1"): GENERATED})
    document = plan_document({"hosts": hosts, "clients": {}, "networks": networks}, GENERATED, "1.0.0", facts)
    members = {each["name"]: each for each in document["members"]}
    assert (members["hub1"]["kind"], members["hub1"]["key_since"]) == ("hub", GENERATED)
    assert members["hub1"]["endpoint"] == "vpn.example.org:51820"
    assert members["office"]["subnets"] == ["192.168.7.0/24"]
    assert {each["state"] for each in (*document["members"], *document["tunnels"])} == {"planned"}
    asked = fill_document(document, hosts, {"hub1": {"wg0": {"interfaces": [], "results": []}}})
    states = {each["name"]: each["state"] for each in asked["members"]}
    assert states == {"hub1": "down", "laptop": "unknown", "office": "unknown", "server": "unknown"}
    assert {each["problem"] for each in asked["tunnels"] if each["host"] == "hub1"} == {"no such peer"}
    assert key_of("hub1") == members["hub1"]["public_key"] or members["hub1"]["public_key"] is None


@pytest.mark.parametrize("count", [3, 200])
@pytest.mark.parametrize("planned", [True, False])
def test_documents_follow_the_schema(count: int, planned: bool) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = make_document(count, planned=planned)
    jsonschema.validate(document, SCHEMA)
    document["members"][0]["state"] = "sideways"  # type: ignore[typeddict-item]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_the_schema_names_what_the_document_has() -> None:
    for kind, found in (
        (StatusDocument, SCHEMA),
        (NetworkStatus, SCHEMA["properties"]["networks"]["items"]),
        (MemberStatus, SCHEMA["properties"]["members"]["items"]),
        (TunnelStatus, SCHEMA["properties"]["tunnels"]["items"]),
        (StatusChange, SCHEMA["properties"]["changes"]["oneOf"][1]["items"]),
    ):
        assert set(found["required"]) == set(found["properties"]) == set(kind.__annotations__)


def test_members_that_were_not_asked_have_not_changed() -> None:
    before, after = make_document(20), make_document(20)
    silent = make_document(20)
    for document, problem in ((after, ""), (silent, "no answer")):
        for member in document["members"]:
            member["state"], member["drift"], member["problem"] = "unknown", None, problem
        for tunnel in document["tunnels"]:
            tunnel["state"], tunnel["problem"] = "unknown", ""
    assert list_changes(before, after) == []
    assert {each["attribute"] for each in list_changes(before, silent)} >= {"state", "problem"}
