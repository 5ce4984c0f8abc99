# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parts of a running state separately, so that a failure in one does not hide the others."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from .._model.errors import tell
from .._model.parts import ALL_PARTS, Part, only
from .._model.state import RunningState
from .protocols import Reader


def read_parts(
    interface: str, kernel: Reader, parts: Container[Part] = ALL_PARTS
) -> tuple[RunningState, dict[Part, str]]:
    """Read the interface and these other parts. Return the state, and why parts could not be read.

    Such a part is empty in the state. Raises OSError if the interface itself cannot be read.
    """
    state = only(kernel.read(interface, {Part.INTERFACE}), Part.INTERFACE)
    problems: dict[Part, str] = {}
    for part, fields in ((Part.NETFILTER, ("netfilter", "own_table")), (Part.DNS, ("dns",))):
        problem = ""
        try:
            if part in parts:
                found = kernel.read(interface, {part})
                state = replace(state, **{field: getattr(found, field) for field in fields})
        except Exception as error:
            problem = tell(error)
        if problem:
            problems[part] = problem
    return state, problems
