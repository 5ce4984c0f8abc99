# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH connection that a change has cut is ended soon after the change's time, and no other one is."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts import lifeline
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.lifeline import ended_when_dead

# In the place of ssh: "-O check" says whether the connection is shared, "session" is one that lasts, and all else is
# answered as long as the other end is there.
SSH = """#!/bin/sh
cd "${0%/*}"
case $1 in
-O) test -e shared || exit 255 ;;
session) trap 'exit 255' TERM; while sleep 0.1; do :; done ;;
*) while ! test -e alive; do sleep 0.1; done ;;
esac
"""


class Connection:
    """What is used of Ansible's plugin."""

    transport = "ssh"
    host = "192.0.2.1"

    def __init__(self, folder: Path) -> None:
        self.program = folder / "fake-ssh"
        self.program.write_text(SSH)
        self.program.chmod(0o700)

    def get_option(self, name: str) -> str:
        assert name == "ssh_executable"
        return str(self.program)

    def _build_command(self, binary: str, subsystem: str, *arguments: str) -> list[str]:
        assert subsystem == "ssh"
        return [binary, *arguments]

    def session(self, seconds: float) -> int | None:
        """How it ended, None where it was still there after that time."""
        with subprocess.Popen([self.program, "session"]) as process:
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
            finally:
                process.terminate()


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr(lifeline, "_EVERY_SECONDS", 0.2)
    monkeypatch.setattr(lifeline, "_ANSWER_SECONDS", 1.0)
    (tmp_path / "shared").touch()
    return Connection(tmp_path)


def test_one_that_is_dead_is_ended_once_its_time_is_over(connection: Connection) -> None:
    begin = time.monotonic()
    with ended_when_dead(connection, 2.0):
        assert connection.session(60) == 255
    assert time.monotonic() - begin >= 2.0


def test_one_that_answers_stays_for_as_long_as_it_does(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "alive").touch()
    with ended_when_dead(connection, 0.1):
        assert connection.session(4) is None
        (tmp_path / "alive").unlink()
        assert connection.session(60) == 255


def test_one_that_cannot_be_asked_has_more_time(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").unlink()
    with ended_when_dead(connection, 0.1):
        assert connection.session(4) is None
        monkeypatch.setattr(lifeline, "_UNSHARED_SECONDS", 0.5)
        assert connection.session(60) == 255


def test_once_the_block_is_over_nothing_is_ended(connection: Connection) -> None:
    with ended_when_dead(connection, 0.5):
        pass
    assert connection.session(4) is None


def test_other_connections_are_left_alone(connection: Connection) -> None:
    connection.transport = "local"
    with ended_when_dead(connection, 0.1):
        assert connection.session(2) is None


def test_what_fails_in_the_block_is_raised(connection: Connection) -> None:
    with pytest.raises(ValueError, match="mine"), ended_when_dead(connection, 60):
        raise ValueError("mine")
