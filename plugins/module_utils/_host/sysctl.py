# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read files of sysctl.d(5), and find the one that is applied last at boot."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# A file overrides files of the same name in later directories (sysctl.d(5)).
DIRECTORIES = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d")
# "sysctl --system" of procps, and OpenRC, read this after all of these. Some distributions link to it from them.
LAST = "etc/sysctl.conf"

# The settings that turn forwarding on, by their paths below /proc/sys.
FORWARDING = {"ipv4": "net/ipv4/ip_forward", "ipv6": "net/ipv6/conf/all/forwarding"}

# The kernel has one setting under both paths (net/ipv4/devinet.c, ctl_forward_entry).
_ALIASES = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
_COMMENT = ("#", ";")


class Line(NamedTuple):
    """A setting by its path below /proc/sys. A value of None cancels the setting in all files before."""

    number: int
    key: str
    value: str | None


class Override(NamedTuple):
    """The line of another file that is applied last."""

    path: Path
    line: Line


def parse_lines(text: str) -> Iterator[Line]:
    """Parse the settings of a file. Other lines are skipped."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        key, equals, value = stripped.partition("=")
        if not stripped or stripped.startswith(_COMMENT) or not (equals or stripped.startswith("-")):
            continue
        # A minus before a setting only means that its failure is ignored.
        yield Line(number, _path_of(key.removeprefix("-").strip()), value.strip() if equals else None)


def _path_of(key: str) -> str:
    """Return the path of a key. If its first separator is a dot, dots and slashes are swapped."""
    first = re.search(r"[./]", key)
    return key.translate(str.maketrans("./", "/.")) if first and first[0] == "." else key


def find_overrides(path: Path, settings: Mapping[str, str], keys: Collection[str], root: Path) -> list[Override]:
    """Find the lines of other files that override these settings of a file at boot, for ``keys``.

    The file need not exist yet. If it is not in /etc/sysctl.d, it is assumed not to be read at boot.
    """
    if path.parent != root / DIRECTORIES[0]:
        return []
    own = [Line(0, key, value) for key, value in settings.items()]
    last: dict[str, tuple[Path, Line]] = {}
    for each in _files(root, path):
        for line in own if each == path else _read(each):
            last[_ALIASES.get(line.key, line.key)] = each, line
    return [Override(*last[key]) for key in keys if last[key][0] != path and last[key][1].value != settings[key]]


def _files(root: Path, own: Path) -> Iterable[Path]:
    """List the files in the order in which they are read: by name, in any directory."""
    found = {own.name: own}
    for directory in DIRECTORIES:
        for path in (root / directory).glob("*.conf"):
            found.setdefault(path.name, path)
    return [*(found[name] for name in sorted(found)), root / LAST]


def _read(path: Path) -> Iterable[Line]:
    try:
        return parse_lines(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()  # such as a dangling link
