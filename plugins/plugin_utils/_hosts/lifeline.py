# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End an SSH connection that a change has cut, so that the task does not wait for it for ever.

OpenSSH sends nothing while it waits for a module, so it does not notice. With ServerAliveInterval it does, but only
after so many intervals, whatever the timeout of the change is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Between two looks, how long an answer may take, and how long to wait for a connection that shares nothing, where it
# cannot be asked.
_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_UNSHARED_SECONDS = 300.0


@contextmanager
def ended_when_dead(connection: Any, seconds: float) -> Iterator[None]:
    """Run the block. From so many seconds on, have its SSH connection end if that does not answer any more.

    The block then fails as it does when ssh itself loses the connection. ``connection`` is a connection plugin; others
    than ``ssh`` are left alone.
    """
    if getattr(connection, "transport", "") != "ssh":
        yield
        return
    over = threading.Event()
    ending = threading.Lock()

    def watch() -> None:
        waited = max(seconds, 0.0)
        pause = waited
        while not over.wait(pause):
            dead = waited > seconds + _UNSHARED_SECONDS if not _is_shared(connection) else not _answers(connection)
            with ending:
                if dead and not over.is_set():
                    _end_clients(connection)
            pause = _EVERY_SECONDS
            waited += pause

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    try:
        yield
    finally:
        with ending:
            over.set()


def _is_shared(connection: Any) -> bool:
    """Whether there is a master, through which a second session can be opened on the same connection."""
    return _succeeds(connection, "-O", "check", connection.host)


def _answers(connection: Any) -> bool:
    return _succeeds(connection, connection.host, "true")


def _succeeds(connection: Any, *arguments: str) -> bool:
    """Whether ssh reaches the other end, whatever is said there; 255 is its own failure (ssh(1))."""
    command = connection._build_command(_executable(connection), "ssh", *arguments)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode != 255


def _end_clients(connection: Any) -> None:
    """The ssh clients that this process, which runs this one task, has started."""
    name = f"{Path(_executable(connection)).name}|sshpass"
    command = ["pgrep", "-P", str(os.getpid()), "-x", name]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return  # the next look, in some seconds, tries again
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)


def _executable(connection: Any) -> str:
    return str(connection.get_option("ssh_executable"))
