# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named sets of addresses, as nftables has them."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, format_ip

# Each family's digit and its word in rules.
FAMILIES = ((4, "ip"), (6, "ip6"))


def name_of(kind: str, family: int) -> str:
    return f"{kind}_{family}"


def render_set(name: str, elements: Iterable[str]) -> str:
    """A set with one element on each line, so that a diff shows those that change."""
    texts = list(elements)
    lines = [f"set {name} {{", f"  type ipv{name[-1]}_addr"]
    # Sets without intervals are smaller and faster.
    lines += ["  flags interval"] if any("/" in text for text in texts) else []
    if texts:
        lines.append("  elements = {\n    " + ",\n    ".join(texts) + "\n  }")
    return "\n".join([*lines, "}"])


def render_prefixes(prefixes: Iterable[Prefix]) -> list[str]:
    """As elements of a set: an address alone has no length."""
    return [format_ip(each[0]) if each[1] == len(each[0]) * 8 else str(each) for each in prefixes]


def by_set(kind: str, prefixes: Iterable[Prefix]) -> dict[str, list[Prefix]]:
    """The prefixes by the name of their set, one for each family that has something."""
    found = list(prefixes)
    sizes = {name_of(kind, family): 4 if family == 4 else 16 for family, _word in FAMILIES}
    parts = {name: [prefix for prefix in found if len(prefix[0]) == size] for name, size in sizes.items()}
    return {name: part for name, part in parts.items() if part}


class Sets:
    """The sets of one network, each by its name."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, kind: str, prefixes: Iterable[Prefix]) -> list[str]:
        """Define the sets of this kind, one for each family that has something, and return their names.

        ``prefixes`` are disjoint and sorted.
        """
        found = by_set(kind, prefixes)
        for name, own in found.items():
            if name not in self.texts:
                self.texts[name] = render_set(name, render_prefixes(own))
        return list(found)
