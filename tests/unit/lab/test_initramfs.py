# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.lab.console import LabError
from ansible_collections.cryptokey.wireguard.tests.lab.initramfs import (
    build_initramfs,
    load_order,
    pack_cpio,
    parse_dependencies,
)

MODULES_DEP = """\
kernel/a/virtio.ko.xz:
kernel/a/virtio_ring.ko.xz: kernel/a/virtio.ko.xz
kernel/a/virtio_pci.ko.xz: kernel/a/virtio_ring.ko.xz kernel/a/virtio.ko.xz
kernel/b/virtio-rng.ko.xz: kernel/a/virtio_ring.ko.xz kernel/a/virtio.ko.xz
"""


def archive(files: dict[str, bytes]) -> tarfile.TarFile:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as root:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            root.addfile(member, io.BytesIO(content))
    return tarfile.open(fileobj=io.BytesIO(output.getvalue()))


def test_modules_are_loaded_after_what_they_need_and_once() -> None:
    order = load_order(parse_dependencies(MODULES_DEP), ["virtio_pci", "virtio_rng", "built_in"])
    assert [path.rpartition("/")[2] for path in order] == [
        "virtio.ko.xz",
        "virtio_ring.ko.xz",
        "virtio_pci.ko.xz",
        "virtio-rng.ko.xz",
    ]


def test_kernels_format_is_understood_by_others(tmp_path: Path) -> None:
    packed = pack_cpio([("bin", 0o40755, b""), ("bin/x", 0o100755, b"content"), ("bin/y", 0o120777, b"x")])
    subprocess.run(["cpio", "-i", "--quiet"], input=packed, cwd=tmp_path, check=True)
    assert (tmp_path / "bin" / "y").read_bytes() == b"content"
    assert (tmp_path / "bin" / "x").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("usr", ["usr/", ""])
def test_initramfs_has_the_modules_uncompressed_and_in_order(usr: str) -> None:
    base = f"./{usr}lib/modules/6.1.0"
    root = archive(
        {
            "./boot/vmlinuz-6.1.0": b"kernel",
            f"./{usr}bin/busybox": b"busybox",
            f"{base}/modules.dep": MODULES_DEP.encode(),
            **{f"{base}/{path}": lzma.compress(path.encode()) for path in parse_dependencies(MODULES_DEP)},
        }
    )
    content = gzip.decompress(build_initramfs(root, b"#!/bin/sh"))
    assert content.index(b"kernel/a/virtio.ko.xz") < content.index(b"kernel/a/virtio_pci.ko.xz")
    assert b"00.ko\n01.ko\n02.ko\n03.ko\n" in content


@pytest.mark.parametrize("files", [{}, {"./boot/vmlinuz-1": b"", "./boot/vmlinuz-2": b""}])
def test_a_root_without_just_one_kernel_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(LabError, match="kernels instead of one"):
        build_initramfs(archive(files), b"")
