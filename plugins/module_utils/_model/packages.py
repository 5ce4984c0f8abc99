# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the package of a missing tool for this host's distribution."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path


class MissingLibrary(Exception):
    """A Python library or a program that the host lacks; the message has the name of its package."""


_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "fedora": "fedora",
    "rhel": "rhel",
    "centos": "rhel",
    "alpine": "alpine",
    "arch": "arch",
    "suse": "suse",
    "opensuse": "suse",
}
_NFTABLES = dict.fromkeys(("debian", "fedora", "rhel", "alpine", "arch", "suse"), "nftables")
_PACKAGES: dict[str, dict[str, str]] = {
    "nacl": {
        "debian": "python3-nacl",
        "fedora": "python3-pynacl",
        "rhel": "python3-pynacl (from EPEL)",
        "alpine": "py3-pynacl",
        "arch": "python-pynacl",
        "suse": "python3-PyNaCl",
    },
    "pyroute2": {
        "debian": "python3-pyroute2",
        "fedora": "python3-pyroute2",
        "rhel": "python3-pyroute2 (from EPEL where it is not in the base repositories)",
        "alpine": "py3-pyroute2",
        "arch": "python-pyroute2",
        "suse": "python3-pyroute2",
    },
    "igraph": dict.fromkeys(("debian", "fedora", "suse"), "python3-igraph"),
    "segno": dict.fromkeys(("debian", "fedora", "suse"), "python3-segno"),
    "nft": _NFTABLES,
    "resolvconf": {
        "debian": "systemd-resolved or openresolv",
        "fedora": "systemd-resolved",
        "rhel": "systemd-resolved",
        "alpine": "openresolv",
        "arch": "systemd-resolvconf or openresolv",
        "suse": "systemd-resolved",
    },
    "ping": {**dict.fromkeys(_NFTABLES, "iputils"), "debian": "iputils-ping"},
}
_PYTHON = ("igraph", "nacl", "pyroute2", "segno")


def package_hint(tool: str, root: str = "/") -> str:
    """Return how to install one of the tools above, as the end of a sentence."""
    release = _os_release(Path(root))
    likely = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    family = next(
        (_FAMILIES[part] for name in likely for part in (name, name.partition("-")[0]) if part in _FAMILIES), ""
    )
    hint = f"install the package {_PACKAGES[tool].get(family, 'that has ' + tool)}"
    return f"{hint} for {sys.executable}" if tool in _PYTHON else hint


def _os_release(root: Path) -> Mapping[str, str]:
    """The fields of os-release(5); empty where there is no such file."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            text = (root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return dict(re.findall(r"^([A-Z_]+)=[\"']?([^\"'\n]*)", text, re.MULTILINE))
    return {}
