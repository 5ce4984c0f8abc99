# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether an interface comes up at boot."""

from __future__ import annotations

import os
from pathlib import Path

from .._netlink.errors import KernelError
from .setup import runs_systemd, service_of, unit_states


def starts_at_boot(interface: str, root: str = "/") -> bool | None:
    """Whether the service of wg-quick is enabled. None where it is not known, as with another service manager."""
    top = Path(root)
    if runs_systemd(top):
        try:
            (state,) = unit_states([service_of(interface)])
        except KernelError:
            return None
        return state.get("UnitFileState", "").startswith("enabled")
    if (top / "etc/runlevels").is_dir():
        return os.path.lexists(top / f"etc/runlevels/default/wg-quick.{interface}")
    return None
