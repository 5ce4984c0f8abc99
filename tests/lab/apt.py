# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's settings for apt that a guest needs too: proxies, and which dates are believed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

# The host's loopback, as a guest of QEMU's user-mode network sees it.
HOST_SEEN_FROM_GUEST = "10.0.2.2"

_WANTED = re.compile(
    r'Acquire::(?:(?:https?|ftp)::Proxy(?:::[^\s"]+)?|Check-Valid-Until|Check-Date|Retries|ForceIPv[46]) "[^"]+";'
)
_LOOPBACK = re.compile(r"(?<=://)(?:localhost|127(?:\.\d+){3}|\[::1\])(?=[:/\"])", re.IGNORECASE)


def parse_acquire(dump: str, environment: Mapping[str, str]) -> list[str]:
    """Pick the settings to hand on out of `apt-config dump Acquire` and the proxy variables of an environment."""
    settings = [line for line in dump.splitlines() if _WANTED.fullmatch(line)]
    for scheme in ("http", "https"):
        proxy = environment.get(f"{scheme}_proxy")
        name = f"Acquire::{scheme}::Proxy"
        if proxy and not any(line.startswith(f"{name} ") for line in settings):
            settings.append(f'{name} "{proxy}";')
    return settings


def for_guest(settings: list[str]) -> str:
    """The text of a file for a guest's apt.conf.d. A proxy on the host's loopback is where the guest reaches it."""
    return "".join(_LOOPBACK.sub(HOST_SEEN_FROM_GUEST, line) + "\n" for line in settings)


def read_settings() -> list[str]:
    """The settings of this machine; without apt, those of the environment."""
    dump = ""
    if program := shutil.which("apt-config"):
        done = subprocess.run([program, "dump", "Acquire"], stdout=subprocess.PIPE, text=True, check=False)
        dump = done.stdout
    return parse_acquire(dump, os.environ)
