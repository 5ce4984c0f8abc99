# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog: a program that rolls a change back unless it is confirmed in time. It keeps running when the
connection that started it ends.

It is a zip archive of this collection's own code (``_host/zipapp``), since Ansible removes its copy of the code when
the module ends. With systemd, a transient timer starts the program (systemd-run(1)). Without, it is a process in a
session of its own, which sleeps until then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .._host.zipapp import Main, build_program
from .._store.files import atomic_write, ensure_directory, remove_file
from .._store.lock import DIRECTORY
from .record import Unconfirmed

CHECK = "--check"
_SYSTEMD = "/run/systemd/system"
_START_SECONDS = 60


class WatchdogError(Exception):
    """It could not be started, checked or stopped. The message says why."""


def program_path(change: str) -> str:
    return f"{DIRECTORY}/{change}.zip"


def unit_name(change: str) -> str:
    """The timer's name, empty where systemd does not run, or has another network than this process."""
    if not Path(_SYSTEMD).is_dir() or _network("self") != _network("1"):
        return ""
    return f"cryptokey-wireguard-rollback-{change}"


def _network(process: str) -> str:
    try:
        return str(Path(f"/proc/{process}/ns/net").readlink())
    except OSError:
        return ""


def install(change: Unconfirmed, main: Main) -> None:
    """Write the program. Raises WatchdogError, InputError and OSError."""
    program = build_program(main)
    ensure_directory(DIRECTORY, 0o700)
    atomic_write(change.program, program, 0o600)


def check(change: Unconfirmed) -> None:
    """Let the program show that it can do all of its work. Raises WatchdogError and OSError."""
    _succeed([*_command(change), CHECK], _environment())


def start(change: Unconfirmed) -> None:
    """Raises WatchdogError and OSError."""
    command = _command(change)
    if change.unit:
        _succeed([*_timer(change), *command])
        return
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_environment(),
        start_new_session=True,
    )
    if process.poll() is not None:
        raise WatchdogError(f"it ended at once with exit code {process.returncode}")


def _command(change: Unconfirmed) -> list[str]:
    return [sys.executable, "-I", change.program, change.interface, change.change]


def _environment() -> dict[str, str]:
    """The same for the check and for the work, which systemd may start: programs must be found both times."""
    return {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def stop(change: Unconfirmed) -> None:
    """Stop the watchdog before it acts: a process ends within a second after its file is removed.

    Raises WatchdogError, InputError and OSError.
    """
    remove_file(change.program)
    systemctl = _which("systemctl")
    if change.unit and systemctl:
        _run([systemctl, "stop", "--no-block", f"{change.unit}.timer"])


def _timer(change: Unconfirmed) -> Sequence[str]:
    systemd_run = _which("systemd-run")
    if systemd_run is None:
        raise WatchdogError("systemd runs here, but the program systemd-run is missing")
    return (
        *(systemd_run, "--quiet", "--collect", f"--unit={change.unit}"),
        f"--description=Roll back the change of WireGuard interface {change.interface} unless it is confirmed",
        f"--on-active={max(change.seconds_left, 1):.3f}s",
        "--timer-property=AccuracySec=100ms",
        *(f"--setenv={name}={value}" for name, value in _environment().items()),
    )


def _succeed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    done = _run(command, environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise WatchdogError(said[-1] if said else f"{command[0]} failed with exit code {done.returncode}")


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            cwd="/",
            timeout=_START_SECONDS,
            env=environment or {**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise WatchdogError(f"{command[0]} took more than {_START_SECONDS} seconds") from None


def _which(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
