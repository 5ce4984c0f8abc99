# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show who reaches what as a table."""

from __future__ import annotations

from collections.abc import Iterator

from .._access.matrix import Matrix, only_family
from .columns import align, shorten

_HEAD = ("FROM", "TO", "SERVICES")
_WIDTH = 44


def render_access(matrix: Matrix) -> str:
    """One line for each group of sources and the services that it has at some destinations."""
    return "\n".join(align([_HEAD, *_rows(matrix)])) + "\n"


def _rows(matrix: Matrix) -> Iterator[tuple[str, str, str]]:
    family = only_family(matrix)
    nothing: list[str] = []
    for place, group in enumerate(matrix.groups):
        targets: dict[tuple[str, ...], list[str]] = {}
        for column, others in enumerate(matrix.groups):
            texts = matrix.cells.get((place, column))
            if texts:
                each_other = [f"{'each other' if column == place else label}" for label in others]
                targets.setdefault(tuple(texts), []).extend(dict.fromkeys(each_other))
        name = shorten(group, _WIDTH)
        for texts, labels in targets.items():
            services = ", ".join(text.removesuffix(family) for text in texts)
            yield name, shorten(labels, _WIDTH), services
            name = ""
        if not targets and group != ("internet",):
            nothing += group
    if nothing:
        yield shorten(nothing, _WIDTH), "-", "-"
