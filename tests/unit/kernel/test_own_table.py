# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface's own nftables table with the real nft and this machine's kernel, in a network namespace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import own_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.table_record import (
    TableRecord,
    forget_rules,
    load_table,
    record_table,
)
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PACKAGE = own_table.__name__.rpartition("._host")[0]
# Runs a script in a network namespace with the real nft. ``starts`` has the arguments of each start of it.
HOST = f"""
import json, os, subprocess, sys
from pathlib import Path
from {PACKAGE}._host import programs
from {PACKAGE}._host.kernel import HostKernel
from {PACKAGE}._model.operations import SetNftables
from {PACKAGE}._model.own_table import NO_TABLE, OwnTable
from {PACKAGE}._netlink.namespace import in_new_netns, netns_identity
from {PACKAGE}._store import table_record
folder = sys.argv[1]
table_record.load_table.__defaults__ = table_record.record_table.__defaults__ = (folder,)
starts = []
run = programs.run_program
from {PACKAGE}._host import nft_table
def counted(command, *arguments, **named):
    starts.append(command[1:])
    return run(command, *arguments, **named)
nft_table.run_program = counted
def nft(*words):
    done = subprocess.run(["nft", *words], capture_output=True, text=True, check=True)
    return done.stdout
def compare(body):
    "Whether the table is the one of the body, as a run finds out, and how often nft was started for that."
    starts.clear()
    host = HostKernel()
    found, wanted = host.read("wg0").own_table, host.list_table("wg0", body)
    host.remember_table("wg0", wanted)
    return [found == wanted, len(starts)]
def replace(body):
    host = HostKernel()
    host.apply("wg0", [SetNftables("wg0", host.list_table("wg0", body) if body else NO_TABLE)])
"""
BODY = """counter denied { }
set s0_4 { type ipv4_addr; flags interval; elements = { 10.8.0.2, 10.8.0.9 } }
chain forward {
  type filter hook forward priority filter; policy accept;
  iifname != "wg0" oifname != "wg0" return
  tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
  jump access
}
chain access {
  ct original ip saddr @s0_4 meta l4proto tcp ct original proto-dst 8000-8100 accept
  counter name denied drop
}
"""


def on_host(folder: Path, script: str, *arguments: str) -> Any:
    """The JSON that the script prints in a network namespace of its own."""
    command = ["unshare", "--net", sys.executable, "-c", HOST + script, str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_table_is_compared_without_nft_until_any_rule_of_the_host_changes(tmp_path: Path) -> None:
    script = """
body = sys.argv[2]
replace(body)
found = [compare(body), compare(body)]
nft("add table ip others")
found += [compare(body), compare(body)]
print(json.dumps(found))
"""
    # Read it, and load and list the wanted one.
    assert on_host(tmp_path, script, BODY) == [[True, 3], [True, 0], [True, 3], [True, 0]]


@pytest.mark.parametrize(
    "drift",
    [
        ["insert rule inet cryptokey-wg0 access accept"],
        ["delete chain inet cryptokey-wg0 forward"],
        ["add element inet cryptokey-wg0 s0_4 { 10.8.0.77 }"],
        ["flush chain inet cryptokey-wg0 access"],
        ["add chain inet cryptokey-wg0 more"],
        ["delete table inet cryptokey-wg0"],
    ],
)
def test_what_others_change_in_it_is_found_and_replaced_and_their_tables_stay(tmp_path: Path, drift: list[str]) -> None:
    script = """
body, *drift = sys.argv[2:]
nft('add table inet others; add chain inet others c { type filter hook input priority 7; policy drop; }')
theirs = nft("list", "table", "inet", "others")
replace(body)
found = [compare(body)[0], compare(body)[0]]
nft("; ".join(drift))
found += [compare(body)[0]]
replace(body)
found += [compare(body)[0], nft("list", "table", "inet", "others") == theirs]
replace("")
replace("")
found += [HostKernel().read("wg0").own_table == NO_TABLE, nft("list", "ruleset") == theirs]
print(json.dumps(found))
"""
    assert on_host(tmp_path, script, BODY, *drift) == [True, True, False, True, True, True, True]


def test_what_a_running_flow_counts_is_no_difference(tmp_path: Path) -> None:
    body = "counter denied { }\nchain output { type filter hook output priority 0; counter name denied\n counter\n }\n"
    script = """
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
replace(sys.argv[2])
subprocess.run(["ping", "-qc1", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
counted = nft("list", "table", "inet", "cryptokey-wg0")
print(json.dumps([compare(sys.argv[2])[0], "packets 0" in counted]))
"""
    assert on_host(tmp_path, script, body) == [True, False]


def test_a_record_of_another_namespace_or_time_is_not_believed(tmp_path: Path) -> None:
    script = """
replace(sys.argv[2])
first, here = compare(sys.argv[2]), netns_identity()
with in_new_netns():
    replace(sys.argv[2])
    other = [compare(sys.argv[2])[1], netns_identity() != here]
print(json.dumps([first, other]))
"""
    assert on_host(tmp_path, script, BODY) == [[True, 3], [3, True]]


def test_a_listing_makes_the_same_table_again(tmp_path: Path) -> None:
    script = """
replace(sys.argv[2])
host = HostKernel()
state = host.read("wg0")
host.rehearse(state)
replace("chain other { }\\n")
host.apply("wg0", [SetNftables("wg0", state.own_table)])
print(json.dumps([host.read("wg0") == state, compare(sys.argv[2])[0]]))
"""
    assert on_host(tmp_path, script, BODY) == [True, True]


def test_a_body_that_nft_refuses_and_a_host_without_nft_change_nothing(tmp_path: Path) -> None:
    script = """
replace(sys.argv[2])
theirs = nft("list", "ruleset")
told = []
for path in (os.environ["PATH"], None):
    if path is None:
        nft_table.find_program = lambda _name: None
    try:
        HostKernel().list_table("wg0", "chain a { type nonsense; }\\n")
    except Exception as error:
        told += [str(error)]
print(json.dumps([*told, nft("list", "ruleset") == theirs]))
"""
    refused, missing, same = on_host(tmp_path, script, BODY)
    assert refused.startswith("nftables: nft refuses the table: line 1: ")
    assert refused.endswith("Nothing was changed")
    assert "nft is missing: install the package nftables" in missing
    assert same


RECORD = TableRecord("table inet cryptokey-wg0 {\n}\n", ("cookie 7", 12), "ab" * 32)


def test_what_was_read_is_remembered_for_root_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert load_table("wg0", str(folder)) is None
    record_table("wg0", RECORD, str(folder))
    assert load_table("wg0", str(folder)) == RECORD
    (file,) = folder.glob("wg0*")
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    for damaged in ("", "[]", "{}", '["", ["cookie 7"], ""]', "[1, 2, 3]", "\udcff"):
        file.write_bytes(damaged.encode("utf-8", "surrogateescape"))
        assert load_table("wg0", str(folder)) is None
    forget_rules("wg0", str(folder))
    assert not file.exists()


def test_a_table_that_could_not_be_made_again_is_found_before_it_is_relied_on(tmp_path: Path) -> None:
    """The rollback's program does so, and a provisional change is refused if it fails."""
    script = """
from dataclasses import replace as changed
replace(sys.argv[2])
host = HostKernel()
state, told = host.read("wg0"), []
theirs = nft("list", "ruleset")
for listing in (state.own_table.listing.replace("drop", "drip"), state.own_table.listing + "# not what nft lists\\n"):
    try:
        host.rehearse(changed(state, own_table=OwnTable(listing)))
    except OSError as error:
        told.append(str(error))
print(json.dumps([*told, nft("list", "ruleset") == theirs]))
"""
    refused, other, same = on_host(tmp_path, script, BODY)
    assert refused.startswith("rehearse the nftables table inet cryptokey-wg0: /dev/stdin:")
    assert "nft does not make the same table from its own listing" in other
    assert same
