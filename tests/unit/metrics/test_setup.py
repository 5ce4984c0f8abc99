# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the metrics on a host: installed once, found when it is outdated, and removed without a trace."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import metrics as backend
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.metrics import ensure_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import executable, programs, setup_removal
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.executable import is_executable_current
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.metrics_setup import (
    has_metrics,
    is_metrics_current,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import Setup, find_missing
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup_removal import leave_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.zipapp import build_executable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.collect import try_directory, write_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.program import run_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import (
    PROGRAM,
    SERVICE,
    SETTINGS,
    TIMER,
    TIMER_UNIT,
    WRITTEN,
    MetricsSetup,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.unit_files import metrics_of

ENTRIES: list[dict[str, Any]] = [
    {
        "network": name,
        "options": {"interface": interface, "peers_mode": "exact", "mtu": 1400},
        "forwarding": {"ipv4": True},
        "metrics": {"directory": "/var/lib/textfiles", "interval": 30, "clients": {"phone": 7}},
    }
    for name, interface in (("home", "wg0"), ("lab", "wg1"))
]
WANTED = MetricsSetup.read(metrics_of(ENTRIES))
BUILT = build_executable(run_metrics, WANTED.version)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that runs systemd, on which the program shows that it works."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setattr(programs, "_SYSTEM_PATH", "")
    monkeypatch.setattr(backend, "build_executable", lambda _main, _version: BUILT)
    monkeypatch.setattr(backend, "_prove_program", lambda _path: None)
    states(tmp_path, "UnitFileState=enabled\nActiveState=active")
    return tmp_path


def states(root: Path, text: str) -> None:
    program = root / "bin/systemctl"
    program.write_text(f'#!/bin/sh\n[ "$1" != show ] || echo "{text}"\n[ "$1" = show ] || echo "$*" >>{root}/calls\n')
    program.chmod(0o755)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} - {"bin/systemctl", "calls"}


def install(root: Path) -> None:
    assert ensure_metrics(WANTED, False, str(root)).changed


def missing(root: Path) -> list[str]:
    found = find_missing([Setup("wg0"), Setup("wg1")], str(root), WANTED)
    assert "metrics" not in found["wg1"]
    return [lack for lack in found["wg0"] if lack == "metrics"]


def test_check_then_installed_then_nothing(root: Path) -> None:
    predicted = ensure_metrics(WANTED, True, str(root))
    assert (predicted.changed, files(root)) == (True, set())
    assert missing(root) == ["metrics"]
    made = ensure_metrics(WANTED, False, str(root))
    assert made == predicted
    assert [name for name, _before, _after in made.diffs] == [f"/{SERVICE}", f"/{TIMER}", f"/{SETTINGS}"]
    assert files(root) == {PROGRAM, SERVICE, TIMER, SETTINGS}
    assert (root / "var/lib/textfiles").is_dir()
    assert [(root / name).stat().st_mode & 0o777 for name in (PROGRAM, SERVICE, TIMER, SETTINGS)] == [
        0o755,
        0o644,
        0o644,
        0o644,
    ]
    assert (ensure_metrics(WANTED, False, str(root)), missing(root)) == ((False, []), [])


@pytest.mark.parametrize("spoiled", [True, False])
@pytest.mark.parametrize("name", [PROGRAM, SERVICE, TIMER, SETTINGS, "var/lib/textfiles"])
def test_what_is_missing_or_changed_is_found_and_installed_again(root: Path, name: str, spoiled: bool) -> None:
    install(root)
    path = root / name
    if path.is_dir():
        path.rmdir()
    elif spoiled:
        path.write_bytes(path.read_bytes()[:-9] + b"something")
    else:
        path.unlink()
    assert missing(root) == ["metrics"]
    install(root)
    assert missing(root) == []


def test_another_directory_leaves_no_old_values_behind(root: Path) -> None:
    install(root)
    (root / "var/lib/textfiles" / WRITTEN).write_text("old")
    (root / "var/lib/textfiles/other.prom").write_text("of another program")
    entries = [{**entry, "metrics": {**entry["metrics"], "directory": "/var/lib/elsewhere"}} for entry in ENTRIES]
    assert ensure_metrics(MetricsSetup.read(metrics_of(entries)), False, str(root)).changed
    assert files(root / "var/lib/textfiles") == {"other.prom"}
    assert (root / "var/lib/elsewhere").is_dir()


def test_a_timer_that_does_not_run_is_found(root: Path) -> None:
    install(root)
    states(root, "UnitFileState=enabled\nActiveState=inactive")
    assert missing(root) == ["metrics"]


def test_another_version_and_another_python_are_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_executable_current(BUILT, WANTED.version)
    assert not is_executable_current(BUILT, "another")
    assert not is_executable_current(BUILT.replace(b"PK", b"QK", 1), WANTED.version)
    monkeypatch.setattr(executable, "MAGIC_NUMBER", b"1234")
    assert not is_executable_current(BUILT, WANTED.version)


def test_a_program_that_does_not_work_leaves_no_timer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> None:
        raise OSError("it does not work here")

    monkeypatch.setattr(backend, "_prove_program", fail)
    with pytest.raises(OSError, match="it does not work here"):
        ensure_metrics(WANTED, False, str(root))
    assert files(root) == {PROGRAM, SETTINGS}
    assert missing(root) == ["metrics"]


def test_a_host_without_systemd_is_refused(root: Path) -> None:
    (root / "run/systemd/system").rmdir()
    with pytest.raises(InputError, match=r"wireguard_metrics.*need systemd.*turn it off"):
        ensure_metrics(WANTED, False, str(root))


def test_all_of_it_is_removed(root: Path) -> None:
    install(root)
    write_metrics(str(root / "var/lib/textfiles"), [])
    assert setup_removal.remove_metrics(True, str(root)) is True
    assert has_metrics(str(root))
    assert setup_removal.remove_metrics(False, str(root)) is True
    assert files(root) == set()
    assert (root / "calls").read_text().splitlines() == [f"disable --now -- {TIMER_UNIT}", "daemon-reload"]
    assert (root / "var/lib/textfiles").is_dir()
    assert setup_removal.remove_metrics(False, str(root)) is False


def test_the_last_interface_takes_the_metrics_along(root: Path) -> None:
    install(root)
    assert leave_metrics(["wg0"], True, str(root)) is True
    assert leave_metrics(["wg0"], False, str(root)) is True
    settings = json.loads((root / SETTINGS).read_text())
    assert [each["interface"] for each in settings["interfaces"]] == ["wg1"]
    assert leave_metrics(["wg0"], False, str(root)) is False
    assert is_metrics_current(WANTED._replace(settings=(root / SETTINGS).read_text()), str(root))
    assert leave_metrics(["wg1"], False, str(root)) is True
    assert files(root) == set()


def test_the_settings_have_what_the_files_of_the_host_do_not_say() -> None:
    assert json.loads(WANTED.settings)["interfaces"][0] == {
        "interface": "wg0",
        "options": {"peers_mode": "exact"},
        "forwarding": ["ipv4"],
        "clients": {"phone": 7},
    }
    assert "OnUnitInactiveSec=30s\n" in WANTED.timer
    assert "ReadWritePaths=/var/lib/textfiles\n" in WANTED.service
    assert f"ExecStart=/{PROGRAM}\n" in WANTED.service
    # Else the age of a key in a home directory is missing, and a Python there is not found.
    assert "ProtectHome=read-only\n" in WANTED.service
    assert metrics_of([{**ENTRIES[0], "metrics": None}]) == {}


def test_the_program_runs_by_its_name_from_its_byte_code(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(BUILT)
    program.chmod(0o755)
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: cryptokey-wireguard-metrics")
    assert subprocess.run([program, "--nonsense"], capture_output=True, check=False).returncode == 1
    with zipfile.ZipFile(program) as archive:
        names = archive.namelist()
        codes = [archive.read(name) for name in names if name.endswith(".pyc")]
    assert {name for name in names if name.endswith(".py")} == {name[:-1] for name in names if name.endswith(".pyc")}
    # Unchecked, as PEP 552 has it.
    assert {code[:8] for code in codes} == {importlib.util.MAGIC_NUMBER + b"\1\0\0\0"}
    # Where the byte code is another Python's, the sources serve.
    sources = tmp_path / "sources"
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(sources, "w") as new:
        for name in names:
            data = old.read(name)
            new.writestr(name, b"0000" + data[4:] if name.endswith(".pyc") else data)
    done = subprocess.run(["python3", "-I", sources, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: cryptokey-wireguard-metrics")


def test_the_metrics_are_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "cryptokey-wireguard.new").write_text("left over")
    for text in ([b"one"], [b"the ", b"other"]):
        write_metrics(str(tmp_path), text)
        assert (tmp_path / WRITTEN).read_bytes() == b"".join(text)
        assert (tmp_path / WRITTEN).stat().st_mode & 0o777 == 0o644
    assert files(tmp_path) == {WRITTEN}
    try_directory(str(tmp_path))
    assert files(tmp_path) == {WRITTEN}
    with pytest.raises(FileNotFoundError):
        try_directory(str(tmp_path / "nowhere"))


def test_two_programs_at_once_write_one_after_the_other(tmp_path: Path) -> None:
    begun, other_begun = Event(), Event()

    def slowly() -> Iterator[bytes]:
        begun.set()
        yield b"one "
        other_begun.wait(20)
        time.sleep(0.3)
        yield b"whole"

    with ThreadPoolExecutor() as pool:
        first = pool.submit(write_metrics, str(tmp_path), slowly())
        begun.wait(20)
        second = pool.submit(write_metrics, str(tmp_path), [b"the ", b"other"])
        other_begun.set()
        first.result()
        assert (tmp_path / WRITTEN).read_bytes() in (b"one whole", b"the other")
        second.result()
    assert (tmp_path / WRITTEN).read_bytes() == b"the other"
    assert files(tmp_path) == {WRITTEN}
