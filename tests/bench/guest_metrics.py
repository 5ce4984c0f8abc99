# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a VM as root: what a collection of metrics costs, as the timer runs the program."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.zipapp import build_executable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.memory import forget_memory
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.program import run_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import (
    SETTINGS,
    WRITTEN,
    render_metrics_settings,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import DIRECTORY, WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render

RUNS = 5
# A process starts with the peak of the one that starts it, so that must be a small one.
_COST = """
import os, sys
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_process, status, usage = os.wait4(process, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Cost(NamedTuple):
    """Processor seconds and the peak memory in MiB."""

    seconds: float
    memory: float


class MetricsProgram:
    """The program with its settings for one interface, which runs as ``desired`` says."""

    def __init__(self, folder: Path, desired: DesiredInterface) -> None:
        self.interface = desired.interface
        self.program = folder / "cryptokey-wireguard-metrics"
        self.program.write_bytes(build_executable(run_metrics, "bench"))
        self.program.chmod(0o755)
        self.written = folder / WRITTEN
        self.config = Path(DIRECTORY, f"{desired.interface}.conf")
        self.config.parent.mkdir(0o700, exist_ok=True)
        self.config.touch(0o600)
        self.config.write_text(render(overlay(desired, WgQuickFile())))
        self.settings = Path("/", SETTINGS)
        self.settings.parent.mkdir(0o700, parents=True, exist_ok=True)
        interfaces = [{"interface": desired.interface}]
        self.settings.write_text(render_metrics_settings({"directory": str(folder), "interfaces": interfaces}))

    def collect(self, *arguments: str) -> Cost:
        return cost_of([str(self.program), *arguments])

    def collect_afresh(self) -> Cost:
        """With nothing remembered: the files are parsed, and all is compared."""
        forget_memory(self.interface)
        return self.collect()

    def remove(self) -> None:
        forget_memory(self.interface)
        for path in (self.config, self.settings):
            path.unlink(missing_ok=True)


def quiet(desired: DesiredInterface) -> DesiredInterface:
    """The interface up, but with no peer that it calls."""
    peers = tuple(peer._replace(persistent_keepalive=0) for peer in desired.peers or ())
    return replace(desired, peers=peers, up=True)


@contextmanager
def metrics_program(folder: Path, desired: DesiredInterface) -> Iterator[MetricsProgram]:
    program = MetricsProgram(folder, desired)
    try:
        yield program
    finally:
        program.remove()


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command to its end, and fail if it does."""
    done = subprocess.run([sys.executable, "-IS", "-c", _COST, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    seconds, kibibytes = map(float, done.stdout.split())
    return Cost(seconds, kibibytes / 1024)


def median_costs(*actions: Callable[[], Cost], rounds: int = RUNS) -> list[Cost]:
    """The median of each column of several runs, taken in turn."""
    runs = [[action() for action in actions] for _run in range(rounds)]
    return [Cost(*map(statistics.median, zip(*column, strict=True))) for column in zip(*runs, strict=True)]
