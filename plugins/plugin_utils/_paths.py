# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the controller: relative ones are in the directory of the inventory, of which there may be several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ._fleet.errors import FleetError, HostError


def expand(option: str, path: str) -> Path:
    """The path with the home directory in place of ``~`` or ``~USER``. Raises FleetError."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = path.partition("/")[0]
        problem, remedy = f"{user} is no user with a home directory here", "name another user, or write the path out"
        raise FleetError([HostError("", option, path, problem, remedy)]) from None


class Directories:
    """The directories of the inventory's sources, and of the hosts' own ones where these are nested.

    ``hosts``: each host and its ``inventory_dir``. All hosts and sources count, in any order.
    """

    def __init__(self, hosts: Iterable[tuple[str, str | None]], sources: Iterable[str]) -> None:
        self._found: dict[Path, str] = {}
        for host, directory in sorted(hosts):
            if directory:
                self._found.setdefault(Path(directory).absolute(), f"host {host}")
        for source in map(Path, sources):
            if source.exists():
                directory_of = source if source.is_dir() else source.parent
                self._found.setdefault(directory_of.absolute(), f"source {source.name}")

    def find(self, option: str, path: Path, is_there: Callable[[Path], bool]) -> Path:
        """The one place of a path. Of several directories, that for which ``is_there`` holds.

        Raises FleetError where none or several could be meant.
        """
        if path.is_absolute():
            return path
        if not self._found:
            problem, remedy = "the inventory is no file, so that there is no place beside it", "give an absolute path"
            raise FleetError([HostError("", option, str(path), problem, remedy)])
        directories = sorted(self._found)
        chosen = [each for each in directories if is_there(each)] if len(directories) > 1 else directories
        if len(chosen) == 1:
            return chosen[0] / path
        named = " and ".join(f"{each / path} ({self._found[each]})" for each in (chosen or directories)[:2])
        problem = "both exist" if chosen else "none of them exists"
        problem = f"the inventory has several directories, so that it could be {named}; {problem}"
        remedy = f"set {option} to an absolute path" + (", and remove the one that is wrong" if chosen else "")
        raise FleetError([HostError("", option, str(path), problem, remedy)])
