# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of pyroute2 other than a guest's own: downloaded once, copied into a guest where a test asks for one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .console import LabError, say, tail
from .image import cache_folder

# What managed hosts have: Ubuntu 22.04, Debian 12, Debian 13, Debian unstable, and the newest release.
PYROUTE2_VERSIONS = ("0.5.14", "0.7.2", "0.7.7", "0.8.1", "0.9.7")

# Versions that a newer Python cannot import, with the module that it lacks: distutils went with Python 3.12 (PEP 632).
# No distribution pairs them.
_LACKING = {"0.5.14": ((3, 12), "distutils")}

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")


def check_version(version: str) -> str:
    """The version itself; LabError where it is none."""
    if not _VERSION.fullmatch(version):
        raise LabError(f"--pyroute2 {version}: give a version such as {PYROUTE2_VERSIONS[-1]}, or all")
    return version


def lacking(version: str, python: str) -> str | None:
    """The module for want of which this Python, such as 3.13, cannot import that version; None where it can."""
    since, module = _LACKING.get(version, (None, None))
    return module if since and tuple(map(int, python.split(".")[:2])) >= since else None


def ensure_pyroute2(version: str) -> Path:
    """The folder that has this version of pyroute2, for a guest's PYTHONPATH; LabError where pip cannot get it."""
    folder = cache_folder() / "pyroute2" / check_version(version)
    if folder.exists():
        return folder
    say(f"pyroute2 {version}", "downloading, once")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{version}-", suffix=".part", dir=folder.parent))
    log = folder.with_suffix(".log")
    command = [*(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps")]
    command += ["--no-compile", "--target", str(work / "site"), f"pyroute2=={version}"]
    try:
        with log.open("wb") as output:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)
        (work / "site").rename(folder)
    except subprocess.CalledProcessError as error:
        raise LabError(f"pip cannot get pyroute2 {version}, see {log}, which ends with\n{tail(log)}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
