# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root images: built from the distribution's packages, cached by what went into them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import apt
from .console import LabError, say, tail
from .flavour import Flavour, flavour
from .initramfs import build_initramfs, kernel_release, read_member
from .tools import PATH, tool

_HERE = Path(__file__).resolve().parent
_CUSTOMIZE = (_HERE / "customize.sh").read_text(encoding="utf-8")
_INIT = (_HERE / "init.sh").read_bytes()

# An image carries package lists; older ones name packages that the archive has replaced.
MAX_AGE_DAYS = 30

# Reads the archive of a root from standard input and writes the disk to standard output, so that it needs no
# access to the user's folders when it runs in a user namespace. No guest needs /boot, but it goes only after unpacking:
# of newer kernels' packages the files in /usr/lib/modules are hard links to those in it.
_MAKE_DISK = """
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
tar -C "$work/root" --numeric-owner -x --exclude='./dev/*'
rm -rf "$work/root/boot"/*
mke2fs -q -t ext4 -m 0 -L root -E root_owner=0:0 -d "$work/root" "$work/raw" 3G >&2
rm -rf "$work/root"
qemu-img convert -O qcow2 "$work/raw" "$work/qcow2"
cat "$work/qcow2"
"""


@dataclass(frozen=True)
class Image:
    """The files of a built flavour, in one folder of the cache; no machine ever writes to them."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.folder / "initramfs"


def cache_folder() -> Path:
    """Where images are kept between runs, for all labs of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cryptokey-wireguard"


def bootstrap_command(recipe: Flavour, acquire: Iterable[str], output: Path) -> list[str]:
    """The call of mmdebstrap that writes a flavour's root as a tar archive, from its default mirror."""
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(recipe.packages)}",
        *(f"--aptopt={setting}" for setting in ['Acquire::Languages "none";', *acquire]),
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--skip=cleanup/apt",
        *([f'--setup-hook=sed -i "/ {recipe.suite} /!d" "$1/etc/apt/sources.list"'] if recipe.ended else []),
        *(f"--customize-hook={(_HERE / name).read_text(encoding='utf-8')}" for name in recipe.prepare),
        f"--customize-hook={_CUSTOMIZE}",
        recipe.suite,
        str(output),
    ]


def recipe_hash(recipe: Flavour) -> str:
    """Names the content of an image: another recipe gives another hash, another machine does not."""
    parts = [*bootstrap_command(recipe, [], Path("root.tar")), _MAKE_DISK]
    return hashlib.sha256("\0".join(parts).encode() + _INIT).hexdigest()[:12]


def ensure_images(names: Iterable[str], *, refresh: bool = False) -> dict[str, Image]:
    """Build what is not in the cache, several at a time. Anew, too, when `refresh` is set or it is out of date."""
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(lambda name: _ensure_image(name, refresh), wanted), strict=True))


def _ensure_image(name: str, refresh: bool) -> Image:
    recipe = flavour(name)
    images = cache_folder() / "images"
    images.mkdir(parents=True, exist_ok=True)
    image = Image(images / f"{name}-{recipe_hash(recipe)}")
    began = time.time()
    with _locked(image.folder.with_suffix(".lock")):
        built = image.folder.stat().st_mtime if image.folder.exists() else 0.0
        fresh = built > began or (not refresh and built > began - MAX_AGE_DAYS * 86400)
        if not fresh:
            _build(name, recipe, image.folder)
    return image


def _build(name: str, recipe: Flavour, folder: Path) -> None:
    say(f"image {name}", "building, once; about two minutes")
    began = time.monotonic()
    for needed in ("mmdebstrap", "mke2fs", "qemu-img", *(() if os.geteuid() == 0 else ("newuidmap",))):
        tool(needed)
    work = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=".part", dir=folder.parent))
    log = folder.with_suffix(".log")
    try:
        with log.open("wb") as output:
            archive = work / "root.tar"
            _run(bootstrap_command(recipe, apt.read_settings(), archive), stderr=output, environment={"INITRD": "No"})
            with tarfile.open(archive) as root:
                kernel = read_member(root, f"./boot/vmlinuz-{kernel_release(root)}")
                (work / "vmlinuz").write_bytes(kernel)
                (work / "initramfs").write_bytes(build_initramfs(root, _INIT))
            _make_disk(archive, work / "root.qcow2", stderr=output)
            archive.unlink()
    except subprocess.CalledProcessError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise LabError(f"building the image {name} failed, see {log}, which ends with\n{tail(log)}") from error
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _put_in_place(work, folder)
    say(f"image {name}", f"built in {time.monotonic() - began:.0f} s")


def _run(command: list[str], *, stderr: IO[bytes], environment: dict[str, str] | None = None) -> None:
    subprocess.run(
        [tool(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=stderr,
        stderr=stderr,
        env={**os.environ, "PATH": PATH, **(environment or {})},
        check=True,
    )


def _make_disk(archive: Path, disk: Path, *, stderr: IO[bytes]) -> None:
    """Turn the archive of a root into a disk; an ordinary user's files get their owners in a user namespace."""
    helper = [] if os.geteuid() == 0 else [tool("mmdebstrap"), "--unshare-helper"]
    with archive.open("rb") as source, disk.open("wb") as target:
        subprocess.run(
            [*helper, "sh", "-c", _MAKE_DISK],
            stdin=source,
            stdout=target,
            stderr=stderr,
            env={**os.environ, "PATH": PATH},
            check=True,
        )


def _put_in_place(work: Path, folder: Path) -> None:
    """Put a finished folder where readers look for it, all at once, and drop those of older recipes."""
    work.chmod(0o755)
    os.utime(work)
    if folder.exists():
        shutil.rmtree(folder)
    work.rename(folder)
    name = folder.name.rpartition("-")[0]
    oldest = time.time() - MAX_AGE_DAYS * 86400
    for other in folder.parent.glob(f"{name}-{'?' * 12}"):
        if other != folder and other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; a second build of the same image waits for the first and then uses it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
