# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accelerator really runs a guest: KVM where it does, else software emulation."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from .console import say
from .image import Image, cache_folder
from .qemu import probe_command
from .tools import tool

# Under KVM the probe takes about a second. A hypervisor that does not pass all on lets it hang for ever.
PROBE_SECONDS = 15


def choose_accel(wanted: str, image: Image) -> str:
    """`kvm` or `tcg`. With `auto` a short boot decides; its verdict is kept until this machine boots again."""
    if wanted != "auto":
        return wanted
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        say("lab", "/dev/kvm cannot be used here: machines run under software emulation, which is slow")
        return "tcg"
    verdict = cache_folder() / "accel" / _host_boot(image)
    if not verdict.exists():
        verdict.parent.mkdir(parents=True, exist_ok=True)
        draft = verdict.with_suffix(f".{os.getpid()}")
        draft.write_text("kvm" if _runs(image) else "tcg", encoding="utf-8")
        draft.replace(verdict)
    accel = verdict.read_text(encoding="utf-8")
    if accel == "tcg":
        say("lab", "/dev/kvm is there but runs no guest: software emulation it is, which is slow")
    return accel


def _runs(image: Image) -> bool:
    say("lab", f"trying KVM, for {PROBE_SECONDS} s at most")
    command = probe_command(image, "kvm")
    try:
        done = subprocess.run(
            [tool(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _host_boot(image: Image) -> str:
    """Names the verdict: another boot of the host or another guest kernel asks for a new one."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    return hashlib.sha256(boot + image.kernel.read_bytes()).hexdigest()[:16]
