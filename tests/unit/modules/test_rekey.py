# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""rekey changes the key in the kernel and in two files, or in none of them, and says which key is where."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import rekey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.rekey import RekeyError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import marker, pending, record
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import read_keys
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.test_unconfirmed import change, keyed
from ansible_collections.cryptokey.wireguard.tests.unit.modules import rekeying
from ansible_collections.cryptokey.wireguard.tests.unit.modules.rekeying import HUB, LATER, NEXT, OLD, Host
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

OLD_EVERYWHERE = {"running": "old", "private_key_file": "old", "path": "old"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "host").mkdir(0o700)
    return Host(tmp_path / "host")


def failed(host: Host) -> RekeyError:
    with pytest.raises(RekeyError) as caught:
        host.rekey()
    assert not any(file.endswith(".new") for file in host.files)
    return caught.value


def test_the_next_key_is_everywhere_and_the_old_one_is_kept(host: Host) -> None:
    before = host.startup
    assert host.rekey().changed
    assert host.keys == "nnn"
    assert host.startup == before.replace(OLD.reveal_base64(), NEXT.reveal_base64())
    assert host.files == ["wg0.conf", "wg0.key", "wg0.key.old"]
    assert read_keys(str(host.folder / "wg0.key")).old == OLD


@pytest.mark.parametrize("write", [lambda host: host.configure(HUB, LATER), lambda host: host.add_by_hand(LATER)])
def test_a_peer_that_is_written_meanwhile_is_kept(host: Host, write: Callable[[Host], None]) -> None:
    host.meanwhile = lambda: write(host)
    assert host.rekey().changed
    assert host.keys == "nnn"
    assert str(LATER) in host.startup


def test_a_file_that_another_run_touches_meanwhile_is_right_too(host: Host) -> None:
    """It removes what was staged, as it would remove what a killed run left behind."""
    host.meanwhile = lambda: host.configure(HUB)
    assert host.rekey().changed
    assert host.keys == "nnn"


def test_without_an_answer_the_old_key_is_everywhere(host: Host) -> None:
    before = host.startup
    host.answers = {OLD}
    error = failed(host)
    assert (host.keys, host.startup, error.keys) == ("ooo", before, OLD_EVERYWHERE)
    assert str(error) == (
        "wg0: hub: no handshake with the next key. The old key is in use again, and all peers have answered to it. "
        f"The old key is in the running interface, {host.folder}/wg0.key, {host.folder}/wg0.conf."
    )
    assert read_keys(str(host.folder / "wg0.key")) == (OLD, NEXT, None)


@pytest.mark.parametrize("timeout", [0, -1, 61, 0.5])
def test_a_timeout_out_of_range_is_refused(host: Host, timeout: float) -> None:
    host.options["timeout"] = timeout
    with pytest.raises(InputError, match=r"timeout .*; give a number from 1 to 60"):
        host.rekey()
    assert host.keys == "ooo"


def test_a_peer_that_is_silent_before_is_a_reason_to_change_nothing(host: Host) -> None:
    host.answers = set()
    assert "hub: no handshake with the current key, so the next one cannot be tested. Nothing" in str(failed(host))
    assert host.keys == "ooo"


def test_a_file_that_is_broken_meanwhile_brings_the_old_key_back(host: Host) -> None:
    host.meanwhile = lambda: Path(host.options["path"]).write_text("[Junk]\n")
    error = failed(host)
    assert error.keys == {**OLD_EVERYWHERE, "path": "unknown"}
    assert f"; a key that cannot be read is in {host.folder}/wg0.conf. Run site.yml for this host" in str(error)


def test_a_kernel_that_does_not_take_the_next_key(host: Host) -> None:
    host.refused = {NEXT}
    error = failed(host)
    assert (host.keys, error.keys) == ("ooo", OLD_EVERYWHERE)
    assert "set the device: " in str(error)


def test_a_fault_of_ours_brings_the_old_key_back(host: Host) -> None:
    nothing: dict[str, str] = {}
    host.meanwhile = lambda: nothing["unexpected"]
    error = failed(host)
    assert (host.keys, error.keys) == ("ooo", OLD_EVERYWHERE)
    assert "KeyError: 'unexpected'. The old key is in use again" in str(error)


def test_a_fault_on_the_way_back_does_not_stop_the_rest_of_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.answers = {OLD}
    monkeypatch.setattr(rekey, "switch_keys_back", lambda _path: 1 // 0)
    error = failed(host)
    assert (host.keys, error.keys) == ("ono", {**OLD_EVERYWHERE, "private_key_file": "next"})
    assert "Restoring the old key failed, too: ZeroDivisionError: " in str(error)


def test_a_mixture_that_is_left_is_told(host: Host) -> None:
    host.answers, host.refused = {OLD}, set()
    host.meanwhile = lambda: host.refused.add(OLD)
    error = failed(host)
    assert host.keys == "noo"
    assert error.keys == {**OLD_EVERYWHERE, "running": "next"}
    assert "Restoring the old key failed, too: set the device: " in str(error)
    assert str(error).endswith(
        f"The next key is in the running interface; the old key is in {host.folder}/wg0.key; "
        f"the old key is in {host.folder}/wg0.conf. "
        f"Run site.yml for this host to use the key in {host.folder}/wg0.key everywhere."
    )


def test_a_disk_error_after_the_switch_brings_the_old_key_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the new file is in its place already, and only its directory cannot be synced."""
    before, fsync = host.startup, os.fsync

    def fail_once(descriptor: int) -> None:
        if NEXT.reveal_base64() in host.startup and Path(f"/proc/self/fd/{descriptor}").resolve() == host.folder:
            monkeypatch.setattr(os, "fsync", fsync)
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    error = failed(host)
    assert (host.keys, host.startup, error.keys) == ("ooo", before, OLD_EVERYWHERE)
    assert "look for disk errors in the kernel log" in str(error)


def test_a_change_that_waits_to_be_confirmed_is_refused(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = str(tmp_path / "records")
    record.record_change(change(keyed()), records)
    monkeypatch.setattr(pending, "is_recorded", functools.partial(marker.is_recorded, directory=records))
    monkeypatch.setattr(record, "find_change", functools.partial(record.find_change, directory=records))
    with pytest.raises(InputError, match="its last change is not confirmed yet, and is rolled back in"):
        host.rekey()
    assert host.keys == "ooo"


SCRIPT = f"""
import subprocess, sys
from pathlib import Path
from {rekeying.__name__} import LATER, Host
from {RekeyError.__module__} import RekeyError
folder, when = Path(sys.argv[1]), sys.argv[2]
for place in (folder, "/run"):  # the locks are in /run
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", place], check=True)
host = Host(folder)
def fill():
    subprocess.run(["sh", "-c", 'cat /dev/zero >"$1/ballast"', "sh", folder], stderr=subprocess.DEVNULL)
def write(prefixes):
    host.add_by_hand(LATER, prefixes)
    fill()
if when == "before":
    fill()
else:
    writes = {{"after a write": lambda: write(1), "after a long one": lambda: write(900)}}
    host.meanwhile = writes.get(when, fill)
try:
    print("changed", host.rekey().changed)
except (RekeyError, OSError) as error:
    print(error)
print(host.keys, *host.files)
print("LATER" if str(LATER) in host.startup else "")
"""


def on_a_small_disk(folder: Path, when: str) -> list[str]:
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", SCRIPT, str(folder), when],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_on_a_full_disk_nothing_is_changed(tmp_path: Path) -> None:
    said, state, _later = on_a_small_disk(tmp_path, "before")
    assert said == (
        f"[Errno 28] No space left on device: '{tmp_path}/wg0.conf'; make room on that file system and run again"
    )
    assert state == "ooo ballast wg0.conf wg0.key wg0.key.next"


def test_what_was_reserved_is_enough_on_a_disk_that_is_full_later(tmp_path: Path) -> None:
    said, state, _later = on_a_small_disk(tmp_path, "after")
    assert said == "changed True"
    assert state == "nnn ballast wg0.conf wg0.key wg0.key.old"


def test_what_was_reserved_is_also_for_what_was_written_meanwhile(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, "after a write") == [
        "changed True",
        "nnn ballast wg0.conf wg0.key wg0.key.old",
        "LATER",
    ]


def test_where_that_is_not_enough_the_old_key_comes_back_and_what_was_written_stays(tmp_path: Path) -> None:
    said, state, later = on_a_small_disk(tmp_path, "after a long one")
    assert said == (
        f"wg0: [Errno 28] No space left on device: '{tmp_path}/wg0.conf'; make room on that file system and run again. "
        "The old key is in use again, and all peers have answered to it. "
        f"The old key is in the running interface, {tmp_path}/wg0.key, {tmp_path}/wg0.conf."
    )
    assert state == "ooo ballast wg0.conf wg0.key wg0.key.next"
    assert later == "LATER"
