# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the host that the lab needs, and the Debian packages they come in."""

from __future__ import annotations

import functools
import os
import platform
import shutil

from .console import LabError

PACKAGES = {
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}

# Tools for administrators are not on every user's path.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@functools.cache
def tool(name: str) -> str:
    """The absolute path of a program of PACKAGES; LabError names the package to install when it is missing."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise LabError(f"{name} is missing: apt-get install {PACKAGES[name]} (or this system's package for it)")
    return found


def check_architecture() -> None:
    """Refuse machines that the guests' kernels are not made for."""
    machine = platform.machine()
    if machine != "x86_64":
        raise LabError(f"the lab's guests are for x86_64 and this machine is {machine}: run the lab on x86_64")
