# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the host as backends read it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from .._host.reader import HostReader
from .._model.packages import MissingLibrary, package_hint

if TYPE_CHECKING:
    from .._host.dns import NameServers


def check_pyroute2() -> None:
    """Check for pyroute2 without loading it, which takes longer than most runs. Raises MissingLibrary."""
    if importlib.util.find_spec("pyroute2") is None:
        raise MissingLibrary(f"the Python library pyroute2 is missing: {package_hint('pyroute2')}")


def open_reader(netns: str = "", name_servers: NameServers | None = None) -> HostReader:
    """Open the namespace for reading. Raises MissingLibrary."""
    check_pyroute2()
    return HostReader(netns, name_servers=None if netns else name_servers)
