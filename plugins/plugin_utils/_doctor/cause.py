# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cause is, and what all of them use to say what to do. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint

from .tunnel import ExaminedEnd, TunnelView


class Told(NamedTuple):
    """What is wrong and what to do. ``host``: it concerns this host as a whole, not one tunnel."""

    text: str
    remedy: str
    host: str = ""


class Cause(NamedTuple):
    """``always``: it is looked for although the tunnel carries traffic. ``apart``: besides other causes, and it does
    not keep the tunnel itself from working."""

    code: str
    find: Callable[[TunnelView], Told | None]
    always: bool = False
    apart: bool = False


Find = Callable[[TunnelView], Told | None]


def add_to(causes: list[Cause]) -> Callable[..., Callable[[Find], Find]]:
    """A decorator that adds a function to these causes. The name of the function is the code."""

    def with_options(always: bool = False, apart: bool = False) -> Callable[[Find], Find]:
        def add(find: Find) -> Find:
            causes.append(Cause(find.__name__.strip("_"), find, always or apart, apart))
            return find

        return add

    return with_options


def run_site(*ends: ExaminedEnd) -> str:
    """Have the playbook site correct these hosts."""
    hosts = ",".join(sorted(end.host for end in ends))
    return f"run the playbook site with -e {shlex.quote(f'wireguard_hosts={hosts}')}"


def shown(endpoint: Endpoint | None, end: ExaminedEnd) -> str:
    """The endpoint, with the name that it was configured with."""
    name = end.planned.peer.get("endpoint")
    return f"{endpoint} ({name})" if name and str(name) != str(endpoint) else str(endpoint)
