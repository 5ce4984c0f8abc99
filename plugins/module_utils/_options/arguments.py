# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``interface`` and ``config``, each declared once; ``doc_fragments/interface.py`` documents them.

No option that describes the network has a default, since what is not given is left alone. Numbers that may also be
written ``off`` or in hex are strings here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._model.interface import ENFORCE, INITIAL
from .._model.names import parse_netns
from .values import choice, number, parse_alias, parse_boolean, parse_dns, parse_search, parse_table

_TEXTS = {"type": "list", "elements": "str"}
_POLICIES = (INITIAL, ENFORCE)


class Option(NamedTuple):
    """``argument`` is its argument spec. ``parse`` takes a value and a name for messages, to the field of the model.

    ``has_variable``: whether it is also the variable ``wireguard_NAME`` of a host, which the plan passes on.
    """

    argument: Mapping[str, Any]
    parse: Callable[[object, str], Any]
    has_variable: bool = True


# Of both modules. Each is the field of this name in DesiredInterface.
OPTIONS: dict[str, Option] = {
    "listen_port": Option({"type": "int"}, number(1, 65535)),  # port 0 would have the kernel pick one at every set
    "fwmark": Option({"type": "str"}, number(0, 2**32 - 1, off=True)),
    "mtu": Option({"type": "int"}, number(576, 65535)),
    "table": Option({"type": "str", "default": "auto"}, parse_table),
    "dns": Option(_TEXTS, parse_dns),
    "dns_search": Option(_TEXTS, parse_search),
    "alias": Option({"type": "str"}, parse_alias),
    "endpoint_policy": Option({"type": "str", "choices": [*_POLICIES], "default": INITIAL}, choice(_POLICIES)),
    "keep_routes": Option({"type": "bool", "default": False}, parse_boolean),
    "netns": Option({"type": "str"}, parse_netns),
    "birth_netns": Option({"type": "str"}, parse_netns),
    "outside_replies": Option({"type": "bool", "default": True}, parse_boolean, has_variable=False),
    "up": Option({"type": "bool", "default": True}, parse_boolean, has_variable=False),
    "nftables": Option({"type": "str"}, lambda value, _option: str(value), has_variable=False),
}

# Of ``interface`` alone.
NEVER, AUTO, ALWAYS = "never", "auto", "always"
CONFIRM_SECONDS = 60


def _parse_confirm(value: object, option: str) -> str:
    """The variable of a host is a boolean."""
    return ALWAYS if parse_boolean(value, option) else NEVER


CONFIRM_OPTIONS: dict[str, Option] = {
    "confirm": Option({"type": "str", "choices": [NEVER, AUTO, ALWAYS], "default": NEVER}, _parse_confirm),
    "confirm_timeout": Option({"type": "int", "default": CONFIRM_SECONDS}, number(10, 3600)),
}
CONFIRM_ARGUMENTS: dict[str, Any] = {name: option.argument for name, option in CONFIRM_OPTIONS.items()}


def parse_confirm_timeout(options: Mapping[str, Any]) -> int:
    """``confirm_timeout`` in seconds. Raises InputError."""
    timeout: int | None = CONFIRM_OPTIONS["confirm_timeout"].parse(options.get("confirm_timeout"), "confirm_timeout")
    return timeout or CONFIRM_SECONDS


# Those that say which keys a peer has.
PEER_KEY_ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str"},
    "public_key": {"type": "str", "required": True, "no_log": False},
    "preshared_key": {"type": "str", "no_log": True},
    "next_public_key": {"type": "str", "no_log": False},
    "next_preshared_key": {"type": "str", "no_log": True},
}

PEER_ARGUMENTS: dict[str, Any] = {
    **PEER_KEY_ARGUMENTS,
    "endpoint": {"type": "str"},
    "allowed_ips": {"type": "list", "elements": "str"},
    "persistent_keepalive": {"type": "str"},
}

INTERFACE_ARGUMENTS: dict[str, Any] = {
    "interface": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "private_key_file": {"type": "path", "no_log": False},
    "addresses": _TEXTS,
    "peers": {"type": "list", "elements": "dict", "options": PEER_ARGUMENTS},
    "absent_peers": _TEXTS,
    "peers_mode": {"type": "str", "choices": ["exact", "merge"], "default": "exact"},
    **{name: option.argument for name, option in OPTIONS.items()},
}
