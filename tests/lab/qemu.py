# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of QEMU. Pure."""

from __future__ import annotations

from pathlib import Path

from .image import Image

_KERNEL_ARGUMENTS = "console=ttyS0 quiet loglevel=4 net.ifnames=0 mitigations=off random.trust_cpu=on"

# What each accelerator wants. Emulation keeps up to 512 MiB of translated code a machine; by default it would be 1 GiB.
# Five-level page tables only make an emulated memory unit slower.
_ACCEL = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off"],
}


def machine_command(
    *, name: str, folder: Path, image: Image, accel: str, memory: int, cpus: int, ssh_port: int, udp_port: int | None
) -> list[str]:
    """Run a machine in the background; what it writes is all in its folder. `memory` is in MiB.

    The loopback's `ssh_port` (TCP) leads to the guest's SSH, `udp_port` to its WireGuard port when it has one.
    """
    forwards = f"hostfwd=tcp:127.0.0.1:{ssh_port}-:22"
    if udp_port is not None:
        forwards += f",hostfwd=udp:127.0.0.1:{udp_port}-:51820"
    return [
        "qemu-system-x86_64",
        *("-name", name, "-daemonize", "-pidfile", str(pidfile(folder))),
        *_hardware(accel, memory, cpus),
        *("-serial", f"file:{_escaped(folder / 'console.log')}"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", _KERNEL_ARGUMENTS),
        *("-drive", f"if=virtio,format=qcow2,cache=unsafe,file={_escaped(folder / 'disk.qcow2')}"),
        *("-drive", f"if=virtio,format=raw,readonly=on,file={_escaped(folder / 'seed.tar')}"),
        *("-netdev", f"user,id=net,ipv6=off,{forwards}", "-device", "virtio-net-pci,netdev=net,romfile="),
    ]


def probe_command(image: Image, accel: str) -> list[str]:
    """Boot a kernel that stops as soon as its initramfs runs, which ends QEMU too."""
    return [
        "qemu-system-x86_64",
        *_hardware(accel, 256, 1),
        *("-serial", "null", "-no-reboot"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", f"{_KERNEL_ARGUMENTS} lab.probe"),
    ]


def pidfile(folder: Path) -> Path:
    """Where the QEMU of a machine in this folder writes its process id."""
    return folder / "qemu.pid"


def _hardware(accel: str, memory: int, cpus: int) -> list[str]:
    return [
        *("-M", "q35", *_ACCEL[accel], "-smp", str(cpus), "-m", str(memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc", "-device", "virtio-rng-pci"),
    ]


def _escaped(path: Path) -> str:
    """A path inside a list of options, where a comma is written twice."""
    return str(path).replace(",", ",,")
