# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface's own nftables table on a real kernel: it comes before the interface, and goes after it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import nft_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.kernel.firewalls import load_firewall
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, bring_up, described, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.provisional import SECONDS, Side, settled
from ansible_collections.cryptokey.wireguard.tests.kernel.test_netns import Managed, managed

__all__ = ["managed"]

TABLE = "inet cryptokey-wg0"
SET, REMOVE = f"set the nftables table {TABLE}", f"remove the nftables table {TABLE}"
BODY = """counter denied { }
set admins { type ipv4_addr; flags interval; elements = { 10.9.0.2, 10.9.7.0/24 } }
chain input { type filter hook input priority filter; policy accept; iifname "wg0" jump access; }
chain access {
  ct direction reply accept
  ct original ip saddr @admins meta l4proto icmp accept
  counter name denied drop
}
"""
OTHER = BODY.replace("10.9.0.2,", "10.9.0.3,")


def listed(host: Host) -> str:
    return host.run("nft", "--stateless", "list", "ruleset")


@contextmanager
def without_nft(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(nft_table, "find_program", lambda _name: None)
        yield


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each start of nft: a program that counts stands in its place."""
    folder, log = tmp_path / "bin", tmp_path / "starts"
    folder.mkdir()
    log.touch()
    (folder / "nft").write_text(f'#!/bin/sh\necho start >> {log}\nexec /usr/sbin/nft "$@"\n')
    (folder / "nft").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_a_table_is_made_first_changed_in_place_and_removed_last(pair: tuple[Host, Host]) -> None:
    left, right = pair
    options, theirs = bring_up(left, right)
    left.remove()
    foretold = described(left.converge(check_mode=True, nftables=BODY, **options))
    assert listed(left) == ""
    done = described(left.converge(nftables=BODY, **options))
    assert (done, done[0]) == (foretold, SET)
    assert described(left.converge(nftables=BODY, **options)) == []
    left.ping("10.9.0.2")
    assert described(left.converge(nftables=OTHER, **options)) == [SET]
    with pytest.raises(RuntimeError):
        right.ping("10.9.0.1", count=1)
    # Not given, it is left alone; empty, it is removed.
    assert described(left.converge(**options)) == []
    assert described(left.converge(nftables="", **options)) == [REMOVE]
    right.ping("10.9.0.1")
    assert listed(left) == ""
    left.converge(nftables=BODY, **options)
    assert described(left.remove())[-1] == REMOVE
    assert listed(left) == ""
    assert theirs


def test_a_running_flow_that_stays_allowed_loses_no_packet(pair: tuple[Host, Host]) -> None:
    left, right = pair
    options, _theirs = bring_up(left, right)
    left.converge(nftables=BODY, **options)
    flow = ["ping", "-n", "-q", "-i", "0.02", "-c", "500", "10.9.0.2"]
    with left.entered():
        ping = subprocess.Popen(flow, stdout=subprocess.PIPE, text=True)
    for each in range(100):
        body = BODY.replace("10.9.7.0/24", f"10.9.{each + 8}.0/24")
        assert described(left.converge(nftables=body, **options)) == [SET]
        if ping.poll() is not None:
            break
    output, _errors = ping.communicate(timeout=120)
    assert "500 received" in output


@pytest.mark.parametrize(
    "drift", ["insert rule {} access accept", "flush chain {} access", "add set {} more {{ type ipv4_addr; }}",
              "delete table {}"]
)  # fmt: skip
def test_what_was_changed_by_hand_is_found_and_mended(pair: tuple[Host, Host], drift: str) -> None:
    left, right = pair
    options, _theirs = bring_up(left, right)
    left.converge(nftables=BODY, **options)
    ours = listed(left)
    left.run("nft", drift.format(TABLE))
    assert described(left.converge(check_mode=True, nftables=BODY, **options)) == [SET]
    assert described(left.converge(nftables=BODY, **options)) == [SET]
    assert listed(left) == ours
    assert described(left.converge(nftables=BODY, **options)) == []


@pytest.mark.parametrize("firewall", ["docker", "ufw", "firewalld"])
def test_the_tables_of_others_stay_byte_for_byte(host: Host, firewall: str) -> None:
    load_firewall(host, firewall)
    theirs = listed(host)
    host.converge(nftables=BODY, peers=strangers(1))
    host.converge(nftables=OTHER, peers=strangers(1))
    ours = host.run("nft", "--stateless", "list", "table", *TABLE.split())
    assert listed(host).replace(ours, "") == theirs
    host.remove()
    assert listed(host) == theirs


def test_a_change_that_fails_restores_the_table(pair: tuple[Host, Host]) -> None:
    left, right = pair
    options, _theirs = bring_up(left, right)
    left.converge(nftables=BODY, **options)
    left.run("nft", "add", "rule", *TABLE.split(), "access", "counter", "log")
    before, rules = left.read(), listed(left)
    left.run("ip", "route", "add", "blackhole", "10.77.0.0/16", "table", "99")
    peers = [{**options["peers"][0], "allowed_ips": ["10.77.0.0/16"]}]
    with pytest.raises(ConvergeError, match="has been restored"):
        left.converge(nftables=OTHER, **{**options, "peers": peers, "table": "99"})
    assert (left.read().own_table, listed(left)) == (before.own_table, rules)


@pytest.mark.parametrize("there", [False, True])
def test_a_table_that_cannot_be_loaded_changes_nothing(
    pair: tuple[Host, Host], there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = pair
    options, _theirs = bring_up(left, right)
    if not there:
        left.remove()
    before = left.read().exists, listed(left)
    with pytest.raises(InputError, match=r"nft refuses the table: line 2: .*Nothing was changed"):
        left.converge(nftables="chain a { }\nchain policy { }\n", **options)
    with without_nft(monkeypatch), pytest.raises(KernelError, match="nft is missing: install the package nftables"):
        left.converge(nftables=BODY, **options)
    assert (left.read().exists, listed(left)) == before


def test_a_run_that_changes_nothing_starts_no_nft(managed: Managed, starts: Path) -> None:
    options: dict[str, Any] = {"peers": strangers(3), "addresses": ["10.9.0.1/24"], "nftables": BODY}
    done = managed.twice(**options)
    assert done[0] == SET
    starts.write_text("")
    assert managed.is_up_to_date(**options)
    assert described(managed.present(**options)) == []
    assert described(managed.present(check_mode=True, **options)) == []
    assert starts.read_text() == ""
    # Somebody changes other rules: once more it is read truly, and found the same.
    managed.host.run("/usr/sbin/nft", "add table ip others")
    assert managed.is_up_to_date(**options)
    assert starts.read_text().count("start") == 3
    assert described(managed.present(**options)) == []
    assert starts.read_text().count("start") == 3
    assert described(managed.absent())[-1] == REMOVE


def test_the_table_moves_with_the_interface(managed: Managed) -> None:
    options: dict[str, Any] = {"peers": strangers(3), "addresses": ["10.9.0.1/24"], "nftables": BODY}
    managed.twice(**options)
    done = managed.twice(**options, netns="vpn")
    assert (done[0], done[-1]) == (SET, REMOVE)
    assert "elements = { 10.9.0.2, 10.9.7.0/24 }" in managed.vpn.run("nft", "list", "ruleset")
    assert listed(managed.host) == ""
    # Without the option, too.
    back = {name: value for name, value in options.items() if name != "nftables"}
    managed.present(**back)
    assert managed.vpn.run("nft", "list", "ruleset") == ""
    assert "10.9.7.0/24" in listed(managed.host)


def test_a_rollback_restores_the_table(side: Side) -> None:
    side.run(nftables=BODY)
    before = side.host.read().own_table
    assert before
    result = side.run(nftables=OTHER, mtu=1380, confirm="always", confirm_timeout=SECONDS)
    assert result["provisional"]
    assert side.host.read().own_table != before
    settled("wg0")
    assert (side.host.read().own_table, side.host.read().mtu) == (before, 1400)


@pytest.fixture
def startup(managed: Managed, tmp_path: Path) -> dict[str, Any]:
    """The options of the managed host's wg0, with a path for its file."""
    options = {**managed.given, "listen_port": 51820, "addresses": ["10.9.0.1/24"], "peers": strangers(3)}
    return {**options, "nftables": BODY, "path": str(tmp_path / "startup" / "wg0.conf")}


def test_wg_quick_makes_the_same_table_and_removes_it(managed: Managed, startup: dict[str, Any]) -> None:
    file = startup["path"]
    running = {name: value for name, value in startup.items() if name != "path"}
    managed.present(**running)
    ours, rules = managed.read(), listed(managed.host)
    managed.absent()
    ensure_config(startup)
    managed.host.run("wg-quick", "up", file)
    assert (managed.read(), listed(managed.host)) == (ours, rules)
    assert described(managed.present(**running)) == []
    managed.host.run("wg-quick", "down", file)
    assert (managed.read().exists, listed(managed.host)) == (False, "")
    managed.host.run("wg-quick", "up", file)
    managed.host.run("nft", "delete", "table", *TABLE.split())
    managed.host.run("wg-quick", "down", file)
    assert not managed.read().exists


@pytest.mark.parametrize("broken", ["nonsense", "gone"])
def test_an_interface_whose_table_cannot_be_loaded_stays_away(
    managed: Managed, startup: dict[str, Any], broken: str
) -> None:
    ensure_config(startup)
    table = Path(startup["path"]).with_suffix(".nft")
    if broken == "gone":
        table.unlink()
    else:
        table.write_text(table.read_text().replace("drop", "drip"))
    with pytest.raises(RuntimeError, match="nft -f"):
        managed.host.run("wg-quick", "up", startup["path"])
    assert (managed.read().exists, listed(managed.host)) == (False, "")


def test_a_run_that_changes_nothing_takes_as_long_as_one_without_a_table(
    side: Side, say: Callable[[str], None]
) -> None:
    """Both kinds of runs in turn. What counts is the fastest of each, as the machine does other things too."""

    def measure(**options: Any) -> float:
        begin = time.monotonic()
        assert side.run(**options)["changes"] == []
        return time.monotonic() - begin

    without = [measure() for _run in range(3)]
    side.run(nftables=BODY)
    with_table = [measure(nftables=BODY) for _run in range(6)]
    side.run(nftables="")
    without += [measure() for _run in range(3)]
    ratio = min(with_table) / min(without)
    say(f"a run that changes nothing: {min(without):.2f} s, with a table {min(with_table):.2f} s, ratio {ratio:.3f}")
    assert ratio < 1.15
