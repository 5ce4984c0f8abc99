# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The initramfs of a guest: a busybox, the virtio modules and a script, as a cpio archive. Pure."""

from __future__ import annotations

import gzip
import lzma
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from .console import LabError

# ext4 and devtmpfs are built into the distribution's kernels.
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio-rng")


def parse_dependencies(modules_dep: str) -> dict[str, list[str]]:
    """Read depmod's modules.dep: each module's path, and the paths of those it needs, nearest first."""
    dependencies = {}
    for line in modules_dep.splitlines():
        path, _colon, needed = line.partition(":")
        dependencies[path] = needed.split()
    return dependencies


def load_order(dependencies: dict[str, list[str]], names: Iterable[str]) -> list[str]:
    """The paths of the named modules and all that they need, in an order in which they can be loaded.

    A name that is not there is built into the kernel.
    """
    by_name = {PurePosixPath(path).name.split(".ko")[0].replace("-", "_"): path for path in dependencies}
    order: list[str] = []
    for name in names:
        path = by_name.get(name.replace("-", "_"))
        if path is not None:
            order.extend(item for item in [*reversed(dependencies[path]), path] if item not in order)
    return order


def pack_cpio(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Pack (path, mode, content) into the "newc" format that the kernel unpacks; directories have no content."""
    out = bytearray()
    for number, (path, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], start=1):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4)
        out += content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def build_initramfs(root: tarfile.TarFile, init: bytes) -> bytes:
    """Take what is needed from the archive of a guest's root and pack it with the script; gzipped."""
    release = kernel_release(root)
    base = _find(root, f"lib/modules/{release}/modules.dep").rpartition("/")[0]
    dependencies = parse_dependencies(read_member(root, f"{base}/modules.dep").decode())
    modules = [
        (f"{number:02}.ko", _uncompressed(path, read_member(root, f"{base}/{path}")))
        for number, path in enumerate(load_order(dependencies, MODULES))
    ]
    return gzip.compress(
        pack_cpio(
            [
                ("bin", 0o40755, b""),
                ("bin/busybox", 0o100755, read_member(root, _find(root, "bin/busybox"))),
                ("bin/sh", 0o120777, b"busybox"),
                ("init", 0o100755, init),
                ("modules", 0o100644, "".join(f"{name}\n" for name, _content in modules).encode()),
                *((name, 0o100644, content) for name, content in modules),
            ]
        ),
        compresslevel=1,
        mtime=0,
    )


def kernel_release(root: tarfile.TarFile) -> str:
    """The release of the one kernel in the archive, such as 6.1.0-1-cloud-amd64."""
    prefix = "./boot/vmlinuz-"
    releases = [name.removeprefix(prefix) for name in root.getnames() if name.startswith(prefix)]
    if len(releases) != 1:
        raise LabError(f"a root image holds {len(releases)} kernels instead of one: check the packages of its flavour")
    return releases[0]


def read_member(root: tarfile.TarFile, path: str) -> bytes:
    """The content of a regular file in the archive."""
    stream = root.extractfile(path)
    if stream is None:
        raise LabError(f"{path} in a root image is not a file: check the packages of its flavour")
    return stream.read()


def _find(root: tarfile.TarFile, path: str) -> str:
    """The archive's name of a file that is below /usr, or below / where /usr is not merged."""
    names = set(root.getnames())
    for name in (f"./usr/{path}", f"./{path}"):
        if name in names:
            return name
    raise LabError(f"{path} is not in a root image: check the packages of its flavour")


def _uncompressed(path: str, content: bytes) -> bytes:
    return lzma.decompress(content) if path.endswith(".xz") else content
