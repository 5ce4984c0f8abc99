# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the host as the backends read and change it."""

from __future__ import annotations

from .._host.dns import NameServers
from .._host.kernel import Host
from .._host.routing import is_installed
from .._model.packages import MissingLibrary, package_hint


def open_host(netns: str = "", birth: str = "", name_servers: NameServers | None = None) -> Host:
    """Raises MissingLibrary where pyroute2 is not installed."""
    if not is_installed():
        raise MissingLibrary(f"the Python library pyroute2 is missing: {package_hint('pyroute2')}")
    return Host(netns, birth, None if netns else name_servers)
