# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netfilter tables: what nft prints back to rules, what others changed in a table, and kernels that show no module.

The real nft and this machine's kernel are used, in a network namespace.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import netfilter, nft
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.nft import parse_nft_table, replay_script
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import netfilter_rules
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import SetNetfilter
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_interface_address
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.netlink import Netlink
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

ADDRESSES = [parse_interface_address(text) for text in ("10.9.0.2/24", "fd00::2/64")]
RULES = {family: netfilter_rules("wg0", family, 51820, ADDRESSES, outside_replies=True) for family in (2, 10)}


def rule(chain: str, *statements: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"family": "ip", "table": "wg-quick-wg0", "chain": chain, "handle": 4, "expr": list(statements)}}


def match(left: dict[str, Any], right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def listing(protocol: object, local: object, flags: object, *more: dict[str, Any]) -> dict[str, Any]:
    """The table of a full tunnel as one of nft's versions prints it."""
    base = {"family": "ip", "table": "wg-quick-wg0", "type": "filter", "policy": "accept"}
    is_udp = match({"meta": {"key": "l4proto"}}, protocol)
    mark = {"meta": {"key": "mark"}}
    ct_mark = {"ct": {"key": "mark"}}
    items = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "ip", "name": "wg-quick-wg0", "handle": 1}},
        {"chain": {**base, "name": "preraw", "handle": 1, "hook": "prerouting", "prio": -300}},
        {"chain": {**base, "name": "premangle", "handle": 2, "hook": "prerouting", "prio": -150}},
        {"chain": {**base, "name": "postmangle", "handle": 3, "hook": "postrouting", "prio": -150}},
        rule(
            "preraw",
            match({"meta": {"key": "iifname"}}, "wg0", "!="),
            match({"payload": {"protocol": "ip", "field": "daddr"}}, "10.9.0.2"),
            match({"fib": {"result": "type", "flags": flags}}, local, "!="),
            {"drop": None},
        ),
        rule("premangle", is_udp, {"mangle": {"key": mark, "value": ct_mark}}),
        rule("postmangle", is_udp, match(mark, 51820), {"mangle": {"key": ct_mark, "value": mark}}),
        *more,
    ]
    return {"nftables": items}


NAMED = listing("udp", "local", ["saddr"])
NUMERIC = listing(17, 2, "saddr")


@pytest.mark.parametrize("listed", [NAMED, NUMERIC], ids=["with names", "with numbers, and a flag alone"])
def test_what_nft_lists_is_what_was_asked_for(listed: dict[str, Any]) -> None:
    assert parse_nft_table(listed) == netfilter_rules("wg0", socket.AF_INET, 51820, ADDRESSES, outside_replies=False)


def test_an_empty_table_has_no_rules() -> None:
    assert parse_nft_table({"nftables": [NAMED["nftables"][1]]}) == frozenset()


CHAIN = {"family": "ip", "table": "wg-quick-wg0", "name": "preraw", "handle": 9}
CHANGED = [
    rule("preraw", {"counter": None}, {"drop": None}),
    {"rule": {**NAMED["nftables"][-1]["rule"], "comment": "mine"}},
    {"chain": {**CHAIN, "type": "filter", "hook": "prerouting", "prio": -300, "policy": "drop"}},
    {"chain": {**CHAIN, "type": "filter", "hook": "input", "prio": -300, "policy": "accept"}},
    {"chain": {**CHAIN, "name": "mine"}},
    {"set": {"family": "ip", "name": "mine", "table": "wg-quick-wg0", "handle": 5, "type": "ipv4_addr"}},
    {"table": {"family": "ip", "name": "wg-quick-wg0", "handle": 1, "flags": ["dormant"]}},
]


@pytest.mark.parametrize("item", CHANGED, ids=lambda item: json.dumps(item)[:60])
def test_a_table_that_others_have_changed_is_drift_and_can_be_made_again(item: dict[str, Any]) -> None:
    whole = listing("udp", "local", ["saddr"], item)
    rules = parse_nft_table(whole)
    wanted = netfilter_rules("wg0", socket.AF_INET, 51820, ADDRESSES, outside_replies=False)
    drifted, right = (RunningState("wg0", exists=True, netfilter={2: each}) for each in (rules, wanted))
    assert diff_states(drifted, right, {}) == [SetNetfilter("wg0", 2, wanted)]
    assert diff_states(right, drifted, {}) == [SetNetfilter("wg0", 2, rules)]
    assert show_state(drifted)["netfilter"] == ["(a table of this name that others have changed)"]
    script = json.loads(replay_script(rules) or "")["nftables"]
    assert [next(iter(command)) for command in script[:3]] == ["add", "delete", "add"]
    assert "handle" not in json.dumps(script)
    assert len(script) == len(whole["nftables"]) + 1
    assert replay_script(wanted) is None


def hosts(folder: Path, **files: str | None) -> str:
    """A root folder with these files below it; a folder where there is no text."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("RELEASE", os.uname().release)
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_text(text)
    return str(folder)


BUILT_IN = "kernel/net/netfilter/nfnetlink.ko\nkernel/net/netfilter/nf_tables.ko\n"
LOADED = "nfnetlink 20480 3 nf_tables, Live 0x0\nnf_tables 356352 0 - Live 0x0\n"
OTHER = "nft_ct 20480 0 - Live 0x0\nxt_nf_tables 1 0 - Live 0x0\n"


@pytest.mark.parametrize(
    ("files", "may_have"),
    [
        ({"sys__module__nf_tables": None}, True),
        ({"proc__modules": LOADED, "lib__modules__RELEASE__modules.builtin": ""}, True),
        ({"proc__modules": OTHER, "lib__modules__RELEASE__modules.builtin": BUILT_IN}, True),
        ({"proc__modules": OTHER, "lib__modules__RELEASE__modules.builtin": "kernel/net/nfnetlink.ko\n"}, False),
        # A kernel without modules, and a container without the kernel's files: asking is the only way.
        ({"lib__modules__RELEASE__modules.builtin": ""}, True),
        ({"proc__modules": OTHER}, True),
        ({}, True),
    ],
)
def test_the_kernel_is_asked_unless_it_cannot_have_any(
    tmp_path: Path, files: dict[str, str | None], may_have: bool
) -> None:
    assert netfilter.may_have_tables(hosts(tmp_path, **files)) is may_have


READ = f"""
import json
from {netfilter.__name__} import open_netfilter, read_rules
netlink = open_netfilter()
found = read_rules(netlink, "wg0") if netlink else {{}}
print(json.dumps({{family: sorted(rules) for family, rules in found.items()}}))
"""
WRITE = f"""
import sys
from {nft.__name__} import replace_rules
replace_rules("wg0", int(sys.argv[1]), frozenset(sys.argv[2:]))
"""


def in_namespace(script: str) -> str:
    """Run a shell script with this Python as $PYTHON and the two programs above, in namespaces of its own."""
    paths = {**environment(), "PYTHON": sys.executable, "READ": READ, "WRITE": WRITE}
    command = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-ec", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=paths)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_rules() -> dict[int, frozenset[str]]:
    netlink = netfilter.open_netfilter()
    assert netlink
    with netlink:
        return netfilter.read_rules(netlink, "wg0")


def written(family: int) -> str:
    return f'$PYTHON -c "$WRITE" {family} ' + " ".join(f"'{rule}'" for rule in sorted(RULES[family])) + "\n"


@pytest.mark.parametrize("hidden", ["/etc/protocols", "/nothing"])
def test_what_was_written_is_read_with_and_without_the_names_of_protocols(hidden: str) -> None:
    hide = f"[ ! -e {hidden} ] || mount --bind /dev/null {hidden}\n"
    read = json.loads(in_namespace(f'{hide}{written(2)}{written(10)}$PYTHON -c "$READ"'))
    assert read == {str(family): sorted(rules) for family, rules in RULES.items()}


def test_a_table_that_others_have_changed_is_put_back_as_it_was() -> None:
    change = "nft 'add set ip wg-quick-wg0 s { type ipv4_addr; }; add element ip wg-quick-wg0 s { 1.2.3.4 };"
    change += " insert rule ip wg-quick-wg0 preraw ip saddr @s counter drop'\n"
    before, after = in_namespace(
        f'{written(2)}{change}nft -s list ruleset; echo ---; BEFORE=$($PYTHON -c "$READ")\n'
        f'{written(2)}export BEFORE; $PYTHON -c "import json, os\n'
        "from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.nft import replace_rules\n"
        "replace_rules('wg0', 2, frozenset(json.loads(os.environ['BEFORE'])['2']))\"; nft -s list ruleset"
    ).split("---\n")
    assert before == after
    assert "counter" in before


def test_without_any_rules_there_is_no_table() -> None:
    assert in_namespace(f'{written(2)}$PYTHON -c "$WRITE" 2; nft list tables; $PYTHON -c "$READ"') == "{}\n"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_without_netfilter_tables_has_none(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_arguments: object) -> list[bytes]:
        raise KernelError(number, "look")

    monkeypatch.setattr(Netlink, "request", refuse)
    monkeypatch.setattr(netfilter, "may_have_tables", lambda: True)
    assert read_rules() == {}


def test_another_refusal_is_not_taken_for_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> list[bytes]:
        raise KernelError(errno.EPERM, "look")

    monkeypatch.setattr(Netlink, "request", refuse)
    monkeypatch.setattr(netfilter, "may_have_tables", lambda: True)
    with pytest.raises(KernelError, match="EPERM"):
        read_rules()


def test_an_nft_without_json_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nft"
    program.write_text("#!/bin/sh\necho 'Error: JSON support not compiled-in' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(netfilter, "may_have_tables", lambda: True)
    monkeypatch.setattr(netfilter, "_has_table", lambda *_arguments: True)
    with pytest.raises(KernelError, match="has no JSON support: install the distribution's own package nftables"):
        read_rules()
