# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a run, and the error of a failed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._model.interface import PeerNames
    from .._model.operations import Operation
    from .._model.state import RunningState


class ConvergeError(Exception):
    """The desired state was not reached; the message says why and what runs now."""


@dataclass(frozen=True)
class ConvergeResult:
    """``operations`` lead from ``before`` to ``after``. In check mode they are planned, else they were applied."""

    before: RunningState
    after: RunningState
    operations: tuple[Operation, ...]
    names: PeerNames
