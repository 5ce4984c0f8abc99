# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ping that runs while something else is done, and counts what it lost."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time

from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace

_INTERVAL = 0.01
_ANSWER = re.compile(r"icmp_seq=(\d+) ttl=")
_SENT = re.compile(r"(\d+) packets transmitted")


class Ping:
    """A ping from a host for the length of a ``with`` block; ``lost`` is then how many of its packets had no answer.

    Those of the last moment may still be on their way when it is stopped: they count from half a second on. ``missing``
    are their numbers; ``interval`` is in seconds.
    """

    def __init__(self, host: Namespace, address: str, interval: float = _INTERVAL) -> None:
        self.command = ["ip", "netns", "exec", host.name, "ping", "-n", "-i", str(interval), address]
        self.interval = interval
        self.lost = -1
        self.sent = 0
        self.missing: set[int] = set()

    def position(self) -> int:
        """The number of the latest answer while it runs."""
        status = os.fstat(self.output.fileno())
        # Not by seek and read, as the ping has the same place in the file.
        tail = os.pread(self.output.fileno(), 4096, max(status.st_size - 4096, 0)).decode()
        return max(map(int, _ANSWER.findall(tail)), default=0)

    def __enter__(self) -> Ping:
        # A pipe that nobody reads would be full after some seconds, and stop it.
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdout=self.output)
        time.sleep(0.5)
        return self

    def __exit__(self, *_details: object) -> None:
        time.sleep(0.5)
        self.process.send_signal(2)
        self.process.wait(timeout=30)
        with self.output:
            self.output.seek(0)
            output = self.output.read()
        total = _SENT.search(output)
        assert total, output
        self.sent = int(total[1])
        answered = {int(number) for number in _ANSWER.findall(output)}
        last = max(answered, default=0)
        under_way = self.sent - last if self.sent - last < 0.5 / self.interval else 0
        self.missing = set(range(1, self.sent - under_way + 1)) - answered
        self.lost = len(self.missing)
