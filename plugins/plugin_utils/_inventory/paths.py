# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the controller: relative ones are in the directory of the inventory, of which there may be several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import FleetError, HostError


def expand(option: str, path: str) -> Path:
    """The path with the home directory in place of ``~`` or ``~USER``. Raises FleetError."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = path.partition("/")[0]
        problem, remedy = f"{user} has no home directory here", "use another user, or an absolute path"
        raise FleetError([HostError("", option, path, problem, remedy)]) from None


class Directories:
    """The directories of the inventory: those of the hosts, and those of its sources, which may have no hosts.

    ``hosts``: each host and its ``inventory_dir``. All hosts and sources count, in any order.
    """

    def __init__(self, hosts: Iterable[tuple[str, str | None]], sources: Iterable[str]) -> None:
        self._hosts: dict[Path, str] = {}
        for host, directory in sorted(hosts):
            if directory:
                self._hosts.setdefault(Path(directory).absolute(), f"host {host}")
        self._all = dict(self._hosts)
        for source in map(Path, sources):
            if source.exists():
                directory_of = source if source.is_dir() else source.parent
                self._all.setdefault(directory_of.absolute(), f"source {source.name}")

    def find(self, option: str, path: Path, is_there: Callable[[Path], bool]) -> Path:
        """The one place of a path: the directory for which ``is_there`` holds, else the only one that has hosts.

        Raises FleetError where none or several could be meant.
        """
        if path.is_absolute():
            return path
        if not self._all:
            problem, remedy = "a relative path needs an inventory that is a file", "use an absolute path"
            raise FleetError([HostError("", option, str(path), problem, remedy)])
        used = sorted(each for each in self._all if is_there(each)) if len(self._all) > 1 else []
        chosen = used or sorted(self._hosts or self._all)
        if len(chosen) == 1:
            return chosen[0] / path
        named = " or ".join(f"{each / path} ({self._all[each]})" for each in chosen[:2])
        problem = "both exist" if used else "none of them exists"
        problem = f"the inventory has several directories, so the path could be {named}; {problem}"
        remedy = f"set {option} to an absolute path" + (", and remove the wrong one" if used else "")
        raise FleetError([HostError("", option, str(path), problem, remedy)])
