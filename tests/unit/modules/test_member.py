# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``member`` by itself, without a running state: in processes of their own, as Ansible runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import member
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.member import (
    Steps,
    ensure_member,
    read_entry,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import PROGRAMS
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import Run, run_module


class Host:
    """A host with the entries of two networks, whose files are below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.entries = [self._entry("home", "wg0"), self._entry("lab", "wg1")]
        self.path = directory / "bin"
        self.path.mkdir()
        for name in PROGRAMS:
            (self.path / name).write_text("#!/bin/sh\n")
            (self.path / name).chmod(0o755)

    def _entry(self, network: str, interface: str) -> dict[str, Any]:
        peer = {"name": "hub", "public_key": key_of(f"hub {network}"), "allowed_ips": ["10.8.0.0/24"]}
        options = {
            "interface": interface,
            "addresses": ["10.8.0.2/24"],
            "peers": [peer],
            "private_key_file": str(self.directory / f"{interface}.key"),
            "path": str(self.directory / f"{interface}.conf"),
        }
        return {"network": network, "options": options, "forwarding": {"ipv4": True}, "reresolve": None}

    def run(self, check: bool = False, **options: Any) -> Run:
        arguments = {"interfaces": self.entries, "running": False, **options}
        return run_module("member", arguments, check, diff=True, path=f"{self.path}:{os.environ['PATH']}")

    def know(self, run: Run) -> None:
        """Have the plan know the keys of that run."""
        for entry, part in zip(self.entries, run.result["interfaces"], strict=True):
            entry["public_key"] = part["public_key"]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.is_file())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def flags(run: Run) -> tuple[Any, ...]:
    return run.changed, run.result["complete"], run.result["packages"]


def test_check_then_keys_then_files_then_nothing(host: Host) -> None:
    predicted = host.run(check=True)
    assert flags(predicted) == (True, True, False)
    assert [each["after_header"] for each in predicted.result["diff"]] == [
        str(host.directory / f"{name}.conf") for name in ("wg0", "wg1")
    ]
    assert host.files() == []

    made = host.run()
    assert flags(made) == (True, False, False)
    parts = made.result["interfaces"]
    assert [(part["network"], part["interface"], part["created"]) for part in parts] == [
        ("home", "wg0", True),
        ("lab", "wg1", True),
    ]
    # Nobody knows these keys yet.
    assert host.files() == ["wg0.key", "wg1.key"]
    assert flags(host.run()) == (False, False, False)

    host.know(made)
    assert flags(host.run(keys_only=True)) == (False, False, False)
    assert flags(host.run(check=True)) == (True, True, False)
    assert flags(host.run()) == (True, True, False)
    assert host.files() == ["wg0.conf", "wg0.key", "wg1.conf", "wg1.key"]
    again = host.run()
    assert (flags(again), again.result["diff"]) == ((False, True, False), [])
    assert [part["public_key"] for part in again.result["interfaces"]] == [part["public_key"] for part in parts]


def test_one_key_that_is_not_the_plans_holds_up_all_interfaces_until_the_registry_has_decided(host: Host) -> None:
    host.know(host.run())
    host.entries[1]["public_key"] = key_of("another")
    stopped = host.run()
    assert flags(stopped) == (False, False, False)
    assert "wg0.conf" not in host.files()
    assert flags(host.run(check_keys=False)) == (True, True, False)
    assert {"wg0.conf", "wg1.conf"} <= {*host.files()}


def test_a_next_key_that_the_plan_does_not_know_is_told_but_holds_up_nothing(host: Host) -> None:
    host.know(host.run())
    arguments = {"private_key_file": host.entries[0]["options"]["private_key_file"], "state": "next"}
    made = run_module("keypair", arguments)
    found = host.run()
    assert flags(found) == (True, True, False)
    assert found.result["interfaces"][0]["next_public_key"] == made.result["next_public_key"]


def test_everything_of_both_interfaces_is_removed_once_they_are_gone(host: Host) -> None:
    host.know(host.run())
    host.run()
    first = host.run(state="absent")
    assert flags(first) == (False, False, False)
    assert [part["differs"] for part in first.result["interfaces"]] == [True, True]
    assert host.files() == ["wg0.conf", "wg0.key", "wg1.conf", "wg1.key"]
    predicted = host.run(check=True, state="absent", converged=True)
    assert (flags(predicted), len(host.files())) == ((True, True, False), 4)
    assert flags(host.run(state="absent", converged=True)) == (True, True, False)
    assert host.files() == []
    assert flags(host.run(state="absent", converged=True)) == (False, True, False)


def test_without_packages_nothing_is_done_but_predicted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "lacks_packages", lambda: True)
    entries = [read_entry(entry, dict) for entry in host.entries]
    steps = Steps(running=False)
    done = ensure_member(entries, steps, False, [])
    assert (done.changed, done.complete, done.packages, done.parts) == (True, False, True, [])
    assert host.files() == []
    predicted = ensure_member(entries, steps, True, [])
    assert (predicted.changed, predicted.complete, predicted.packages) == (True, True, True)
    assert host.files() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mtu": "many"}, "interfaces 'wg0': "),
        ({"mtu": 5}, "mtu 5: "),
        ({"peers": [{"public_key": "no key"}]}, "peers[0].public_key"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_refused_before_any_file_is_written(
    host: Host, options: dict[str, Any], message: str
) -> None:
    host.entries[0]["options"].update(options)
    assert message in host.run(check_keys=False).message
    assert "wg0.conf" not in host.files()


def test_nothing_shows_a_secret(host: Host) -> None:
    preshared = key_of("preshared")
    host.entries[0]["options"]["peers"][0]["preshared_key"] = preshared
    runs = [host.run(), host.run(check_keys=False), host.run(check=True, check_keys=False)]
    private = [(host.directory / name).read_text().strip() for name in ("wg0.key", "wg1.key")]
    assert preshared in (host.directory / "wg0.conf").read_text()
    assert all(secret not in run.output for run in runs for secret in (*private, preshared))
