# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the host's other programs, each with a time limit.

Input and output are files in memory, not pipes. So a program that leaves a process behind, such as a resolvconf that
restarts a name server, counts as finished when it exits, even if a child still has its output open.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, NamedTuple

from .._netlink.errors import KernelError

# Far more than any of these programs takes on a busy host, and less than the timeouts of an SSH connection.
LIMIT_SECONDS = 30.0
_KILL_SECONDS = 5.0
# For a PATH without the system's directories, as in a plain SSH session on Debian.
_SYSTEM_PATH = ":/usr/sbin:/sbin:/usr/bin:/bin"
_REMEDIES = {
    "nft": "check whether 'nft list tables' answers, then run again",
    "ping": "check whether it answers when run by hand, then run again",
    "resolvconf": "find the hook that hangs (run 'sh -x' on resolvconf with the argument -u), then run again",
    "resolvectl": "check whether 'resolvectl status' answers, or restart systemd-resolved, then run again",
    "systemctl": "check whether 'systemctl status' answers, then run again",
}


class Finished(NamedTuple):
    """A program that has ended by itself: its exit code, its output and its error output."""

    code: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """The first line of its error output, else of its output, else the exit code."""
        said = (self.errors or self.output).strip().splitlines()
        return said[0] if said else f"it failed with exit code {self.code} and no output"


def find_program(name: str) -> str | None:
    """Find a program, also in the directories for administrators. Return None if it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + _SYSTEM_PATH)


def run_program(command: Sequence[str], doing: str, text: str = "", seconds: float | None = None) -> Finished:
    """Run the program with ``text`` as its input, in the C locale, for at most ``seconds`` (LIMIT_SECONDS).

    Raises KernelError if it cannot be started or does not end in time. It and its children are then killed.
    """
    limit = LIMIT_SECONDS if seconds is None else seconds
    with ExitStack() as stack:
        given, output, errors = (stack.enter_context(_memory()) for _stream in range(3))
        given.write(text.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=output,
                stderr=errors,
                env={**os.environ, "LC_ALL": "C"},
                # A process group of its own, so that all of it can be killed.
                start_new_session=True,
            )
        except OSError as error:
            raise KernelError(error.errno or errno.EIO, doing, f"{command[0]} cannot be started") from None
        code = _wait(process, limit)
        if code is None:
            name = Path(command[0]).name
            problem = f"{name} did not finish within {limit:g} s"
            raise KernelError(errno.ETIMEDOUT, doing, f"{problem}: {_REMEDIES.get(name, 'run it by hand')}")
        return Finished(code, _read(output), _read(errors))


def _memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("program"), "w+b")


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return the exit code, or None after a timeout. Kill the program if it outlasts the wait."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # A process that hangs in the kernel cannot be killed.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_KILL_SECONDS)
