# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was injected, whether it was survived, and what it cost a ping that ran through the tunnel meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping


@dataclass
class Row:
    """``begin`` and ``end`` are the numbers of the ping's latest answers; the packets between them are this fault's."""

    fault: str
    begin: int
    end: int = 0
    problem: str = ""
    packets_lost: int = 0

    @property
    def survived(self) -> bool:
        return not self.problem


@dataclass
class Ledger:
    """The faults of a session. ``file`` is where they are written to, if anywhere."""

    file: Path | None = None
    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def watched(self, ping: Ping) -> Iterator[Injections]:
        """Faults are injected while the ping runs; fails when all have been, unless each was survived without loss."""
        injections = Injections(ping)
        try:
            with ping:
                yield injections
        finally:
            for number, row in enumerate(injections.rows):
                # What was lost in the end, after the last answer, is the last fault's.
                last = row.end if number + 1 < len(injections.rows) else ping.sent
                row.packets_lost = len([lost for lost in ping.missing if row.begin < lost <= last])
            self.rows += injections.rows
            self.write()
        assert ping.sent > 0
        problems = "\n".join(f"{row.fault}: {row.problem}" for row in injections.rows if row.problem)
        assert not problems, problems
        assert ping.lost == 0

    def write(self) -> None:
        if self.file:
            self.file.write_text(json.dumps([plain(row) for row in self.rows], indent=1) + "\n")


class Injections:
    def __init__(self, ping: Ping) -> None:
        self._ping = ping
        self.rows: list[Row] = []

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """One of them: survived if nothing is raised, else the next one follows all the same."""
        row = Row(name, self.rows[-1].end if self.rows else 0)
        self.rows.append(row)
        try:
            yield
        except Exception as error:
            row.problem = f"{type(error).__name__}: {error}"
        finally:
            row.end = self._ping.position()


def plain(row: Row) -> dict[str, Any]:
    shown = {"fault": row.fault, "survived": row.survived, "packets_lost": row.packets_lost}
    return {**shown, "problem": row.problem} if row.problem else shown
