# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ping that runs while something else is done, and counts what it lost."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable

from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace

_INTERVAL = 0.01
# What a ping sends at least, in seconds of its interval, however quick the work in its block is.
_LEAST_SECONDS = 0.6
_PATIENCE_SECONDS = 60
# "[1700000000.123456] 64 bytes from 10.9.0.2: icmp_seq=7 ttl=64 time=0.345 ms"
_ANSWER = re.compile(r"^\[([\d.]+)\].* icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms", re.MULTILINE)
_SENT = re.compile(r"(\d+) packets transmitted")


class Ping:
    """A ping from a host for the length of a ``with`` block; ``lost`` is then how many of its packets had no answer.

    The block begins with the first answer. It ends with the answer to a packet that was sent after its end, so that all
    before that one are answered or lost, or after a minute without one. ``missing`` are their numbers; ``interval`` is
    in seconds.
    """

    def __init__(self, host: Namespace, address: str, interval: float = _INTERVAL) -> None:
        self.command = ["ip", "netns", "exec", host.name, "ping", "-n", "-D", "-i", str(interval), address]
        self.interval = interval
        self.lost = -1
        self.sent = 0
        self.missing: set[int] = set()

    def position(self) -> int:
        """The number of the latest answer while it runs."""
        return self._latest()[0]

    def _latest(self) -> tuple[int, float]:
        """The number of the latest answer, and when what it answers was sent."""
        status = os.fstat(self.output.fileno())
        # Not by seek and read, as the ping has the same place in the file.
        tail = os.pread(self.output.fileno(), 4096, max(status.st_size - 4096, 0)).decode()
        answers = [(int(number), float(at) - float(took) / 1000) for at, number, took in _ANSWER.findall(tail)]
        return max(answers, default=(0, 0.0))

    def __enter__(self) -> Ping:
        # A pipe that nobody reads would be full after some seconds, and stop it.
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdout=self.output)
        if not self._await(lambda: self.position() > 0):
            self.process.kill()
            raise AssertionError(f"no answer within {_PATIENCE_SECONDS} s: {' '.join(self.command)}")
        return self

    def __exit__(self, *_details: object) -> None:
        end = time.time()
        least = _LEAST_SECONDS / self.interval
        answers = self._await(lambda: self._latest()[1] > end and self.position() >= least)
        self.process.send_signal(2)
        self.process.wait(timeout=_PATIENCE_SECONDS)
        with self.output:
            self.output.seek(0)
            output = self.output.read()
        total = _SENT.search(output)
        assert total, output
        self.sent = int(total[1])
        answered = {int(number) for _at, number, _took in _ANSWER.findall(output)}
        self.missing = set(range(1, max(answered) if answers else self.sent + 1)) - answered
        self.lost = len(self.missing)

    @staticmethod
    def _await(holds: Callable[[], bool]) -> bool:
        """Whether it holds in the end."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True
