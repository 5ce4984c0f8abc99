# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of interfaces and network namespaces. Apart from the other options, which not all modules have to load."""

from __future__ import annotations

import re

from .errors import InputError

_INTERFACE_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
# What also nft(8), systemd and ip(8) take as it is. resolvectl(1) takes digits alone for an interface's number.
_NEW_NAME = re.compile(r"(?![0-9]+$)[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}")
# Directories of the kernel's settings are called so (sysctl_dev_name_is_allowed in include/net/ip.h).
_SETTINGS = ("all", "default")
# What is fit for a file name, a unit's name and a shell; ip takes a number for a process.
_NAMESPACE = re.compile(r"(?![0-9]+$)[a-zA-Z0-9_][a-zA-Z0-9_=+.-]{0,127}")


def parse_interface_name(name: str) -> str:
    """A name that an interface can have: the kernel (IFNAMSIZ, 15 characters) and wg-quick(8) both take it."""
    if not _INTERFACE_NAME.fullmatch(name) or name in (".", ".."):
        raise InputError("interface", name, "not an interface name", "use 1 to 15 letters, digits or _=+.-")
    return name


def parse_new_interface_name(name: str) -> str:
    """A name that an interface should have. Raises InputError for those with which one of its tools fails."""
    if not _NEW_NAME.fullmatch(parse_interface_name(name)) or name in _SETTINGS:
        problem = "nft, systemd or the kernel cannot use this interface name"
        remedy = (
            "use letters, digits, '_', '-' and '.', with at least one letter, and start with a letter, digit or '_'"
        )
        if name in _SETTINGS:
            remedy = "use another name, such as wg0"
        raise InputError("interface", name, problem, remedy)
    return name


def parse_netns(name: object, option: str) -> str:
    """The name of a network namespace as ``ip netns`` has it; not given, the empty name of the host's own."""
    if name is None:
        return ""
    if not (isinstance(name, str) and _NAMESPACE.fullmatch(name)):
        problem = "not the name of a network namespace"
        raise InputError(option, name, problem, "use letters, digits or _=+.-, with at least one letter")
    return name
