# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a provisional change, and the program that undoes it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import zipapp
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import parse_confirm_timeout
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import rollback, watchdog
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import (
    Report,
    Unconfirmed,
    boot_id,
    clock,
    find_change,
    find_report,
    forget_change,
    record_change,
    record_report,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import KEYS, PRIVATE_KEYS, running_states


def change(before: RunningState, key_file: str = "") -> Unconfirmed:
    return Unconfirmed(
        interface="wg0",
        change="5b1f0c6d2a9e4837",
        boot=boot_id(),
        armed_at=1_000_000.5,
        deadline=clock() + 60,
        before=before,
        key_file=key_file,
        names={KEYS[0]: "hub"},
        netns="",
        birth_netns="vpn",
        with_dns=True,
        endpoints={KEYS[0]: "hub.example.org:51820"},
        program="/run/cryptokey-wireguard/5b1f0c6d2a9e4837.zip",
        unit="",
    )


@given(running_states())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_is_recorded_is_found(tmp_path: Path, state: RunningState) -> None:
    directory = str(tmp_path / "private")
    wanted = change(state)
    record_change(wanted, directory)
    assert find_change("wg0", directory) == wanted
    assert find_change("wg1", directory) is None
    assert (tmp_path / "private/wg0.unconfirmed").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    forget_change("wg0", directory)
    assert find_change("wg0", directory) is None
    assert list((tmp_path / "private").iterdir()) == []


def keyed() -> RunningState:
    return RunningState("wg0", True, RunningDevice("wg0", 7, PRIVATE_KEYS[0], public_key_of(PRIVATE_KEYS[0])))


def test_the_private_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "wg0.key"
    file.touch(0o600)
    file.write_text(PRIVATE_KEYS[0].reveal_base64())
    wanted = change(keyed(), str(file))
    record_change(wanted, str(tmp_path))
    assert PRIVATE_KEYS[0].reveal_base64() not in (tmp_path / "wg0.unconfirmed").read_text()
    assert find_change("wg0", str(tmp_path)) == wanted
    # Another one in its place is not the interface's.
    file.write_text(PRIVATE_KEYS[1].reveal_base64())
    found = find_change("wg0", str(tmp_path))
    assert found
    assert (found.before.device.private_key, found.before.device.public_key) == (None, keyed().device.public_key)
    file.unlink()
    assert find_change("wg0", str(tmp_path)) == found


def test_a_record_of_another_boot_is_destroyed(tmp_path: Path) -> None:
    record_change(replace(change(keyed()), boot="another"), str(tmp_path))
    assert find_change("wg0", str(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        ("{}", 0o600, "is damaged"),
        ("", 0o600, "is damaged"),
        ("[1]", 0o600, "is damaged"),
        (json.dumps({"boot": boot_id(), "key_file": "", "before": {}}), 0o600, "is damaged"),
        ("{}", 0o640, "other users can read or write"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, mode: int, problem: str) -> None:
    file = tmp_path / "wg0.unconfirmed"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(InputError, match=problem):
        find_change("wg0", str(tmp_path))


def test_what_came_back_is_remembered(tmp_path: Path) -> None:
    directory = str(tmp_path / "state")
    assert find_report("wg0", directory) is None
    report = Report("5b1f0c6d2a9e4837", 1_000_000.0, ["set mtu 1420"], "", [])
    record_report("wg0", report, directory)
    assert find_report("wg0", directory) == report
    assert report.date == "1970-01-12T13:46:40Z"
    (tmp_path / "state/wg0.rollback.json").write_text("{")
    assert find_report("wg0", directory) is None


@pytest.mark.parametrize(("given_seconds", "seconds"), [(None, 60), (10, 10), ("3600", 3600)])
def test_how_long_a_change_waits(given_seconds: object, seconds: int) -> None:
    assert parse_confirm_timeout({"confirm_timeout": given_seconds}) == seconds


@pytest.mark.parametrize("given_seconds", [0, 9, 3601, "soon"])
def test_how_long_it_does_not(given_seconds: object) -> None:
    with pytest.raises(InputError, match=r"confirm_timeout .*: out of range"):
        parse_confirm_timeout({"confirm_timeout": given_seconds})


def test_the_program_needs_nothing_but_python(tmp_path: Path) -> None:
    """It is complete, wherever it is started: all that it has to complain of is that there is nothing to do."""
    program = tmp_path / "watchdog.zip"
    program.write_bytes(zipapp.build_program(rollback.main))
    done = subprocess.run(
        [sys.executable, "-I", str(program), "wg-none", "5b1f0c6d2a9e4837", watchdog.CHECK],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={},
        timeout=60,
    )
    assert done.stderr == "there is no unconfirmed change 5b1f0c6d2a9e4837 of wg-none\n"
    assert done.returncode == 1
