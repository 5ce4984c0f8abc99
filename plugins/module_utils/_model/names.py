# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of interfaces and network namespaces. Apart from the other options, which not all modules have to load."""

from __future__ import annotations

import re

from .errors import InputError

_INTERFACE_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
# What is fit for a file name, a unit's name and a shell; ip takes a number for a process.
_NAMESPACE = re.compile(r"(?![0-9]+$)[a-zA-Z0-9_][a-zA-Z0-9_=+.-]{0,127}")


def parse_interface_name(name: str) -> str:
    """A name that the kernel (IFNAMSIZ, 15 characters) and wg-quick(8) both take."""
    if not _INTERFACE_NAME.fullmatch(name) or name in (".", ".."):
        raise InputError("interface", name, "not an interface name", "use 1 to 15 letters, digits or _=+.-")
    return name


def parse_netns(name: object, option: str) -> str:
    """The name of a network namespace as ``ip netns`` has it; not given, the empty name of the host's own."""
    if name is None:
        return ""
    if not (isinstance(name, str) and _NAMESPACE.fullmatch(name)):
        problem = "not the name of a network namespace"
        raise InputError(option, name, problem, "use letters, digits or _=+.-, a letter among them")
    return name
