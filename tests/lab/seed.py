# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's own files, as the archive that its initramfs unpacks over the root at the first boot. Pure."""

from __future__ import annotations

import io
import tarfile


def pack_seed(*, name: str, machine_id: str, host_key: str, authorized_keys: str, apt_conf: str) -> bytes:
    """Pack what makes one machine different from its image.

    `machine_id` is 32 hex digits; with it systemd does not take the boot for an installation's first. `host_key`
    is the private one, in OpenSSH's format.
    """
    files = (
        ("etc/hostname", 0o644, f"{name}\n"),
        ("etc/hosts", 0o644, f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n"),
        ("etc/machine-id", 0o444, f"{machine_id}\n"),
        ("etc/ssh/ssh_host_ed25519_key", 0o600, host_key),
        ("root/.ssh/", 0o700, ""),
        ("root/.ssh/authorized_keys", 0o600, authorized_keys),
        ("etc/apt/apt.conf.d/30lab", 0o644, apt_conf),
    )
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, mode, text in files:
            member = tarfile.TarInfo(path)
            member.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            member.mode = mode
            content = text.encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return output.getvalue()
