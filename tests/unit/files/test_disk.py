# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full or read-only, in a mount namespace: the message says what to do, and the old file is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import files, reading
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

FULL = 'mount -t tmpfs -o size=16k,mode=700 none "$1"; printf old >"$1/file"; cat /dev/zero >"$1/ballast" || true'
# Where there is no right to write in /run, as root of a user namespace has none.
RUN = "mount -t tmpfs none /run; "
READ_ONLY = 'mount -t tmpfs -o mode=700 none "$1"; printf old >"$1/file"; mount -o remount,ro "$1"'
SCRIPT = f"""
import sys
from {files.__name__} import atomic_write, check_room, remove_file, sweep
from {reading.__name__} import read_file
for touch in (
    lambda: atomic_write(sys.argv[1] + "/file", b"new" * 1000, 0o600),
    lambda: check_room(sys.argv[1] + "/other", 3000),
    lambda: check_room(sys.argv[1] + "/other", 0),
):
    try:
        touch()
        print("done")
    except OSError as error:
        print(error)
print(remove_file(sys.argv[1] + "/other"), sweep(sys.argv[1] + "/file"))
print(read_file(sys.argv[1] + "/file").data.decode())
"""


def on_disk(folder: Path, prepare: str) -> list[str]:
    """What each try on a disk that was prepared by this shell script says, and what the file says after."""
    python = [sys.executable, "-c", SCRIPT, str(folder)]
    shell = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'{RUN}{prepare} 2>/dev/null; shift; exec "$@"', "sh"]
    done = subprocess.run(
        [*shell, str(folder), *python], capture_output=True, text=True, check=True, env=environment(), timeout=60
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("prepare", "problem", "remedy"),
    [
        (FULL, "[Errno 28] No space left on device", "make room on that file system and run again"),
        (READ_ONLY, "[Errno 30] Read-only file system", "mount it for writing and run again"),
    ],
)
def test_it_is_told_and_the_old_file_is_there(tmp_path: Path, prepare: str, problem: str, remedy: str) -> None:
    other = f"{problem}: '{tmp_path}/other'; {remedy}"
    told = [f"{problem}: '{tmp_path}/file'; {remedy}", other, other]
    # What is to be removed and is not there takes no writing.
    assert on_disk(tmp_path, prepare) == [*told, "False None", "old"]


def test_where_there_is_room_nothing_is_left_behind(tmp_path: Path) -> None:
    files.check_room(str(tmp_path / "file"), 5000)
    assert list(tmp_path.iterdir()) == []
