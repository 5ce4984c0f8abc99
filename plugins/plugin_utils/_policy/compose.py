# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose the body of an interface's nftables table from the shared parts of a plan and what is the host's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .sets import render_set


def compose_entries(entries: Iterable[Mapping[str, Any]], rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of a host in a plan, each with the option ``nftables`` in the place of its ``rules``.

    ``rules`` are those of the plan. The option is empty where an interface needs no table.
    """
    return [_composed(entry, rules) for entry in entries]


def _composed(entry: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in entry.items() if key != "rules"}
    own, shared = entry.get("rules"), rules.get(entry["network"]) or {}
    body = compose_body(entry["options"]["interface"], own, shared) if own else ""
    return {**rest, "options": {**entry["options"], "nftables": body}}


def compose_body(interface: str, own: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """What stands between the braces of the table, ending in a newline."""
    parts = [shared["parts"][key] for key in own["parts"]]
    names = dict.fromkeys(name for part in parts for name in part["sets"])
    texts = [shared["sets"].get(name) or render_set(name, own.get("own", {}).get(name, ())) for name in names]
    ours = ", ".join(f'"{name}"' for name in ("lo", *own.get("interfaces", ())))
    chains = (part["text"].replace("$wg", f'"{interface}"').replace("$ours", f"{{ {ours} }}") for part in parts)
    return "\n".join([*texts, *chains]) + "\n"
