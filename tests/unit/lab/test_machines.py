# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.lab.console import tail
from ansible_collections.cryptokey.wireguard.tests.lab.flavour import FLAVOURS
from ansible_collections.cryptokey.wireguard.tests.lab.image import Image, bootstrap_command, recipe_hash
from ansible_collections.cryptokey.wireguard.tests.lab.lab import decode_machine, plan_machines
from ansible_collections.cryptokey.wireguard.tests.lab.machine import Machine
from ansible_collections.cryptokey.wireguard.tests.lab.qemu import machine_command
from ansible_collections.cryptokey.wireguard.tests.lab.seed import pack_seed
from ansible_collections.cryptokey.wireguard.tests.lab.settings import MachineSpec, Settings, default_machines

IMAGES = {name: Image(Path("/cache") / name) for name in FLAVOURS}
WANTED = Settings(
    folder=Path("/lab"), machines=default_machines(2), memory=384, cpus=1, port=0, accel="auto", timeout=60
)


def plan(wanted: Settings, existing: list[Machine]) -> list[Machine]:
    return plan_machines(wanted, existing, IMAGES, "tcg")


def test_ports_are_different_and_only_a_hub_has_one_for_udp() -> None:
    machines = plan(WANTED, [])
    assert len({machine.ssh_port for machine in machines}) == 3
    assert [machine.udp_port for machine in machines] == [machines[0].ssh_port, None, None]


def test_asking_again_changes_nothing() -> None:
    machines = plan(WANTED, [])
    assert plan(WANTED, machines) == machines


def test_a_machine_more_leaves_the_others_as_they_are() -> None:
    machines = plan(WANTED, [])
    more = replace(WANTED, machines=(*WANTED.machines, MachineSpec("spoke3", "debian13")))
    assert plan(more, machines)[:3] == machines


def test_ports_that_are_asked_for_are_used() -> None:
    machines = plan(replace(WANTED, port=23000), plan(WANTED, []))
    assert [machine.ssh_port for machine in machines] == [23000, 23001, 23002]


def test_state_file_gives_the_same_machines() -> None:
    machines = plan(WANTED, [])
    text = json.dumps([asdict(machine) for machine in machines], default=str)
    assert [decode_machine(item) for item in json.loads(text)] == machines


def test_process_of_another_program_is_not_taken_for_the_machine(tmp_path: Path) -> None:
    (tmp_path / "qemu.pid").write_text("1\n")
    machine = replace(plan(WANTED, [])[0], folder=tmp_path)
    assert machine.pid() is None
    (tmp_path / "qemu.pid").write_text("garbage")
    assert machine.pid() is None


def test_machine_reaches_the_loopback_only_and_odd_paths_survive() -> None:
    command = machine_command(
        name="hub",
        folder=Path("/odd,path"),
        image=IMAGES["debian12"],
        accel="tcg",
        memory=384,
        cpus=1,
        ssh_port=1000,
        udp_port=1000,
    )
    network = next(argument for argument in command if argument.startswith("user,"))
    assert network.split(",")[2:] == [
        "ipv6=off",
        "hostfwd=tcp:127.0.0.1:1000-:22",
        "hostfwd=udp:127.0.0.1:1000-:51820",
    ]
    assert any(argument.endswith("file=/odd,,path/disk.qcow2") for argument in command)


def test_seed_keeps_secrets_to_root() -> None:
    content = pack_seed(name="hub", machine_id="0" * 32, host_key="key", authorized_keys="mine", apt_conf="")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        modes = {member.name: member.mode for member in archive}
        assert {member.uid for member in archive} == {0}
    assert modes["etc/ssh/ssh_host_ed25519_key"] == 0o600
    assert modes["root/.ssh"] == 0o700


def test_recipe_names_the_image_whatever_the_machine() -> None:
    hashes = {recipe_hash(recipe) for recipe in FLAVOURS.values()}
    assert len(hashes) == len(FLAVOURS)
    command = bootstrap_command(FLAVOURS["debian12"], ['Acquire::Retries "3";'], Path("/out"))
    assert command[-2:] == ["bookworm", "/out"]
    assert '--aptopt=Acquire::Retries "3";' in command


@pytest.mark.parametrize(("name", "lines"), [("debian11", "own"), ("debian12", "own updates security")])
def test_of_a_suite_that_has_ended_only_the_last_point_release_is_used(tmp_path: Path, name: str, lines: str) -> None:
    """Runs what mmdebstrap runs before it reads any list of packages."""
    suite = FLAVOURS[name].suite
    sources = tmp_path / "etc/apt/sources.list"
    sources.parent.mkdir(parents=True)
    sources.write_text(
        f"deb http://example.org/debian {suite} main # own\n"
        f"deb http://example.org/debian {suite}-updates main # updates\n"
        f"deb http://example.org/debian-security {suite}-security main # security\n"
    )
    option = "--setup-hook="
    for argument in bootstrap_command(FLAVOURS[name], [], Path("/out")):
        if argument.startswith(option):
            subprocess.run(["sh", "-c", argument.removeprefix(option), "sh", str(tmp_path)], check=True)
    assert " ".join(line.partition("# ")[2] for line in sources.read_text().splitlines()) == lines


@pytest.mark.parametrize(("text", "quoted"), [("", "is empty"), ("a\n\nb\n", "    | a\n    | b")])
def test_end_of_a_log_is_quoted(tmp_path: Path, text: str, quoted: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert quoted in tail(log)
    assert "No such file" in tail(tmp_path / "none")
