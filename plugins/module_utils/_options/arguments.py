# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec that ``interface`` and ``config`` share; ``doc_fragments/interface.py`` documents it.

No option that describes the network has a default, since what is not given is left alone. Numbers that may
also be written ``off`` or in hex are strings here; ``_model.options`` reads them.
"""

from __future__ import annotations

from typing import Any

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
    "listen_port": {"type": "int"},
    "fwmark": {"type": "str"},
    "mtu": {"type": "int"},
    "table": {"type": "str", "default": "auto"},
    "addresses": {"type": "list", "elements": "str"},
    "peers": {"type": "list", "elements": "dict", "options": PEER_ARGUMENTS},
    "absent_peers": {"type": "list", "elements": "str"},
    "peers_mode": {"type": "str", "choices": ["exact", "merge"], "default": "exact"},
    "endpoint_policy": {"type": "str", "choices": ["initial", "enforce"], "default": "initial"},
    "outside_replies": {"type": "bool", "default": True},
    "keep_routes": {"type": "bool", "default": False},
    "dns": {"type": "list", "elements": "str"},
    "dns_search": {"type": "list", "elements": "str"},
    "alias": {"type": "str"},
    "up": {"type": "bool", "default": True},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
}

# Of ``interface`` alone.
NEVER, AUTO, ALWAYS = "never", "auto", "always"
CONFIRM_SECONDS = 60
CONFIRM_ARGUMENTS: dict[str, Any] = {
    "confirm": {"type": "str", "choices": [NEVER, AUTO, ALWAYS], "default": NEVER},
    "confirm_timeout": {"type": "int", "default": CONFIRM_SECONDS},
}
