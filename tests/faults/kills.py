# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a run, as SIGKILL does, at each call in turn by which it can change something, and counts these calls.

A run is a function in a process of its own, a fork of this one, so that what it imports need not be loaded each time.
strace looks on: first at a whole run, whose calls it lists, then at one run for each of these, which it kills when that
call begins. So whatever came before the call has been done, and nothing after.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# Messages, files, their names, modes and locks, and programs that are started.
MESSAGES = ("sendto", "sendmsg")
FILES = (
    *("openat", "write", "pwrite64", "fallocate", "ftruncate", "fsync", "fchmod", "fchmodat", "chmod", "fsetxattr"),
    *("mkdir", "mkdirat", "link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "flock"),
)
PROGRAMS = ("vfork", "clone", "clone3")

_CALL = re.compile(r"(?:\[pid +\d+\] )?(\w+)\((.*)")
_READ_ONLY = re.compile(r"O_RDONLY(?!.*O_CREAT)")
# What Ansible tells the system's log of each module (syslog(3)).
_LOGGED = re.compile(r'\d+, "<\d+>')
_PR_SET_PTRACER, _PR_SET_PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)
_LIBC = ctypes.CDLL(None)


class Call(NamedTuple):
    """The ``number``-th call of this name in a run, and what strace shows of it."""

    name: str
    number: int
    shown: str

    @property
    def target(self) -> str:
        """Its arguments, without its result."""
        return self.shown.rpartition(" = ")[0]


class Scenario(NamedTuple):
    """A run to be killed: ``prepare`` makes things as they are before it, ``check`` looks at what is left after it has
    been killed and has the next runs mend it. ``names`` are the calls at which it is killed."""

    name: str
    prepare: Callable[[], None]
    run: Callable[[], None]
    check: Callable[[], None]
    names: tuple[str, ...] = FILES


class Child:
    """A function that waits in a forked process until it is let go. ``output`` is where it prints to."""

    def __init__(self, run: Callable[[], None], output: Path) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        wait, self._go = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _be_child(run, output, wait)
        os.close(wait)

    def go(self) -> int:
        """Let it run; gives its exit code, or the number of the signal that has killed it as a negative one."""
        os.close(self._go)
        _pid, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def _be_child(run: Callable[[], None], output: Path, wait: int) -> None:
    code = 70
    try:
        _LIBC.prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        empty = os.open(os.devnull, os.O_RDONLY)
        # The end of the pipe that lets go is this process's too, until it is closed here.
        for descriptor in range(3, 256):
            if descriptor not in (wait, file, empty):
                _close(descriptor)
        os.read(wait, 1)
        for source, target in ((empty, 0), (file, 1), (file, 2)):
            os.dup2(source, target)
        # Those that are here may be pytest's.
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        run()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


def finish(run: Callable[[], None], output: Path) -> str:
    """Let a run come to its end, in a process of its own; gives what it printed. Fails where the run does."""
    code = Child(run, output).go()
    text = output.read_text()
    assert code == 0, text
    return text


def trace(run: Callable[[], None], folder: Path, *options: str) -> tuple[int, list[str]]:
    """A run under strace: its exit code, and strace's lines."""
    log = folder / "strace.log"
    child = Child(run, folder / "output")
    command = ["strace", "-p", str(child.pid), "-o", str(log), "-s", "64", "-e", "signal=none", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        attached = strace.stderr.readline()
        assert "attached" in attached, attached
        code = child.go()
        strace.wait(timeout=60)
    return code, log.read_text().splitlines()


def list_calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace that can change something: of those that open a file, only the ones for writing, and no
    message to the system's log."""
    numbers: Counter[str] = Counter()
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            continue
        name, shown = found.groups()
        numbers[name] += 1
        if not (_LOGGED.match(shown) or (name == "openat" and _READ_ONLY.search(shown))):
            yield Call(name, numbers[name], shown)


def each_kill(scenario: Scenario, folder: Path) -> Iterator[Call]:
    """Kill the run at each of its calls in turn, and give the call each time, for a look at what is left."""
    traced = "trace=" + ",".join(f"?{name}" for name in scenario.names)
    scenario.prepare()
    code, lines = trace(scenario.run, folder, "-e", traced)
    assert code == 0, (folder / "output").read_text()
    calls = list(list_calls(lines))
    assert calls, "a run without a single call has not been looked at"
    for call in calls:
        _kill_at(call, scenario, folder)
        yield call


def _kill_at(call: Call, scenario: Scenario, folder: Path) -> None:
    """A run that was the first to load a library opened more files than later ones do: then it is counted anew."""
    for _attempt in range(3):
        scenario.prepare()
        kill = f"inject={call.name}:signal=SIGKILL:when={call.number}"
        code, lines = trace(scenario.run, folder, "-e", f"trace={call.name}", "-e", kill)
        if code == -9:
            return
        assert code == 0, (call, (folder / "output").read_text())
        call = next(other for other in list_calls(lines) if other.target == call.target)
    raise AssertionError(f"not killed at {call}")
