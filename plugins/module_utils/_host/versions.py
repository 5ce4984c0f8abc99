# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the versions of the software that a tunnel depends on."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from importlib import metadata

from .._netlink.errors import KernelError
from .programs import find_program, run_program

# wireguard-tools v1.0.20210914 - https://...
_TOOLS = re.compile(r"wireguard-tools v(\S+)")


def read_versions() -> dict[str, str]:
    """Return versions by name. What is not installed, or does not answer, is left out."""
    versions = {"kernel": os.uname().release, "python": platform.python_version()}
    with suppress(metadata.PackageNotFoundError):
        versions["pyroute2"] = metadata.version("pyroute2")
    program = find_program("wg")
    if program:
        with suppress(KernelError):
            found = _TOOLS.match(run_program([program, "--version"], "read the version of wg").output)
            versions.update({"wireguard-tools": found[1]} if found else {})
    return dict(sorted(versions.items()))
