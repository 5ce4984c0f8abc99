# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect all problems of an inventory, each with its host, variable, value and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

_T = TypeVar("_T")
_D = TypeVar("_D")
_SHOWN = 5


def list_names(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Join names as ``a, b, c``. Beyond ``shown`` names, the rest is counted."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


class ClientName(NamedTuple):
    """A client of a network."""

    network: str
    name: str


# A host by its name, a client, or the empty text for the network as a whole.
Owner: TypeAlias = "str | ClientName"


class HostError(InputError):
    """An InputError in a variable of one ``host``, or in what the network's options say of one ``client`` or of all.

    ``host`` is empty if the problem is not a host's.
    """

    def __init__(self, host: Owner, option: str, value: object, problem: str, remedy: str) -> None:
        super().__init__(option, value, problem, remedy)
        self.host = host if isinstance(host, str) else ""
        self.client = None if isinstance(host, str) else host


class FleetError(ValueError):
    """An inventory that is refused; ``problems`` are its HostErrors. ``context`` stands before them in the message."""

    def __init__(self, problems: Iterable[HostError], context: str = "") -> None:
        self.problems = tuple(problems)
        self.context = context
        super().__init__(self.problems)

    def __str__(self) -> str:
        # An error in a group variable is an error on each of its hosts: one line names them all.
        hosts: dict[str, list[str]] = {}
        for problem in self.problems:
            hosts.setdefault(str(problem), []).append(problem.host)
        # A host of several networks has it wrong in each of them.
        lines = (
            f"{list_names(list(dict.fromkeys(names)))}: {text}" if names[0] else text for text, names in hosts.items()
        )
        return self.context + "\n".join(lines)


class Problems(list[HostError]):
    """Collect problems, so that one run shows all of them."""

    def add(self, host: Owner, option: str, value: object, problem: str, remedy: str) -> None:
        self.append(HostError(host, option, value, problem, remedy))

    def catch(self, host: Owner, parse: Callable[[], _T], default: _D) -> _T | _D:
        """Return the parsed value. If it is refused, keep the problem and return the default."""
        try:
            return parse()
        except InputError as error:
            self.add(host, error.option, error.value, error.problem, error.remedy)
            return default

    def keep(self, host: Owner, errors: Iterable[InputError]) -> None:
        """Keep all of these errors."""
        for error in errors:
            self.add(host, error.option, error.value, error.problem, error.remedy)

    def gather(self, read: Callable[[], _T], default: _D) -> _T | _D:
        """Return what is read. If it is refused, keep all problems and return the default."""
        try:
            return read()
        except FleetError as error:
            self.extend(error.problems)
            return default

    def take_clients(self) -> Problems:
        """Remove and return the problems of single clients."""
        taken = Problems(problem for problem in self if problem.client)
        self[:] = [problem for problem in self if not problem.client]
        return taken

    def refuse(self) -> None:
        """Raise FleetError if there is a problem."""
        if self:
            raise FleetError(self)
