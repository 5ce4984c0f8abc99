# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a host lacks: the result of ``member`` in check mode, as operations of each interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from .operations import read_operations
from .results import read_choice, read_flag, read_mapping, read_mappings, read_text, read_texts

Operation = dict[str, Any]


def read_drift(answer: object, where: str, entries: Iterable[Mapping[str, Any]]) -> dict[str, list[Operation]]:
    """Return the operations by interface, for a host with these entries of the plan. Empty if it did not answer.

    Besides those of the running interface, there is one for each part of the setup and each file. What belongs to no
    interface, such as a package, is listed with the first one. Raises InputError.
    """
    result = read_mapping(answer if answer is not None else {}, where)
    names = [str(entry["options"]["interface"]) for entry in entries]
    if result.get("failed") or "interfaces" not in result or not names:
        return {}
    found: dict[str, list[Operation]] = {name: [] for name in names}
    for number, part in enumerate(read_mappings(result["interfaces"], f"{where}.interfaces")):
        place = f"{where}.interfaces[{number}]"
        interface = read_choice(part.get("interface"), f"{place}.interface", names)
        found[interface] += read_operations(part.get("operations", []), f"{place}.operations")
        if read_flag(part.get("created", False), f"{place}.created"):
            found[interface].append(_of("add", "key pair"))
        found[interface] += [_of("add", lack) for lack in read_texts(part.get("lacks", []), f"{place}.lacks")]
    for each in read_mappings(result.get("diff", []), f"{where}.diff"):
        header = read_text(each.get("after_header"), f"{where}.diff.after_header")
        if not header.endswith("(running)"):  # its operations are there already
            stem = PurePosixPath(header).stem
            found[stem if stem in found else names[0]].append(_of("set", header))
    if read_flag(result.get("packages", False), f"{where}.packages"):
        found[names[0]].append(_of("add", "packages"))
    return found


def _of(action: str, attribute: str) -> Operation:
    return {"action": action, "peer": None, "attribute": attribute, "before": None, "after": None}
