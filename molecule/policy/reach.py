# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try to connect to each ADDRESS/PORT by TCP, all at once, and print those that answer.

A refusal is an answer: it shows that the packet has arrived and that nothing in between has dropped it.
"""

from __future__ import annotations

import select
import socket
import sys
import time

# A handshake whose first message is lost is tried again after five seconds.
PATIENCE = 12.0

waiting: dict[socket.socket, str] = {}
for target in sys.argv[1:]:
    address, _slash, port = target.rpartition("/")
    attempt = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    attempt.setblocking(False)
    try:
        attempt.connect((address, int(port)))
    except BlockingIOError:
        waiting[attempt] = target
    except OSError as error:
        print(f"{target}: {error}", file=sys.stderr)
deadline = time.monotonic() + PATIENCE
while waiting and time.monotonic() < deadline:
    for done in select.select([], waiting, [], 0.5)[1]:
        target = waiting.pop(done)
        number = done.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number in (0, 111):  # ECONNREFUSED
            print(target)
