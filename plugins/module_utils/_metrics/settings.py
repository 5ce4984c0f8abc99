# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the controller knows of a host and its metrics, as it stands in a file of the host. It has no secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._host.sysctl import FORWARDING
from .._model.errors import InputError
from .._model.metrics import SETTINGS

PATH = f"/{SETTINGS}"
_REMEDY = "run Ansible again for this host"


class WatchedInterface(NamedTuple):
    """``options``: those of ``interface`` that its wg-quick file does not have. ``forwarding``: the address families,
    ``ipv4`` or ``ipv6``, that the host must forward. ``clients``: when each client expires, in seconds since 1970."""

    interface: str
    options: Mapping[str, Any]
    forwarding: tuple[str, ...] = ()
    clients: Mapping[str, int] = {}

    @property
    def netns(self) -> str:
        return str(self.options.get("netns") or "")

    @property
    def birth_netns(self) -> str:
        return str(self.options.get("birth_netns") or "")


class MetricsSettings(NamedTuple):
    """``directory``: that of node_exporter's textfile collector."""

    directory: str
    interfaces: tuple[WatchedInterface, ...]


def parse_metrics_settings(text: str, path: str = PATH) -> MetricsSettings:
    """Raises InputError."""
    try:
        given = json.loads(text)
        interfaces = tuple(map(_parse_interface, given["interfaces"]))
        return MetricsSettings(str(given["directory"]), interfaces)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError("settings of the metrics", path, "not what Ansible has written", _REMEDY) from None


def _parse_interface(given: Mapping[str, Any]) -> WatchedInterface:
    return WatchedInterface(
        str(given["interface"]),
        dict(given.get("options") or {}),
        tuple(family for family in FORWARDING if family in (given.get("forwarding") or ())),
        {str(client): int(seconds) for client, seconds in (given.get("clients") or {}).items()},
    )
