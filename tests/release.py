# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of a release: the version in galaxy.yml, the changelog, and the tag in git.

python tests/release.py changelog    move the fragments into the changelog of the version in galaxy.yml
python tests/release.py check        fail unless version, changelog and tag agree
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from antsibull_fileutils.yaml import load_yaml_file, store_yaml_file

CHANGES = Path("changelogs/changelog.yaml")
TEXTS = (CHANGES, Path("CHANGELOG.md"))
FRAGMENTS = Path("changelogs/fragments")


class ReleaseError(Exception):
    """What keeps a version from being released, and what to do."""


def read_version(root: Path) -> str:
    return str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])


def find_faults(root: Path) -> list[str]:
    """List what differs between the version in galaxy.yml, the changelog and the tag of the current commit."""
    version = read_version(root)
    faults = []
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        faults.append(f"galaxy.yml: version {version!r}: expected MAJOR.MINOR.PATCH, such as 1.2.3")
    releases = load_yaml_file(root / CHANGES)["releases"]
    if version not in releases:
        faults.append(f"{CHANGES}: no release {version}, which is the version in galaxy.yml: run make changelog")
    elif version != max(releases, key=_number):
        faults.append(f"galaxy.yml: version {version}: {CHANGES} has a newer release, {max(releases, key=_number)}")
    faults += [
        f"{path.relative_to(root)}: not in the changelog: run make changelog"
        for path in sorted((root / FRAGMENTS).glob("*.y*ml"))
    ]
    faults += [
        f"tag {tag}: galaxy.yml has version {version}: move the tag, or change the version"
        for tag in _git(root, "tag", "--points-at", "HEAD").split()
        if tag != version
    ]
    return faults


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def write_changelog(root: Path, *, date: str | None = None) -> None:
    """Move the fragments into the changelog of the version in galaxy.yml, and list the plugins that are new in it."""
    options = ["--update-existing", "--reload-plugins", "--refresh-plugins", *(["--date", date] if date else [])]
    _antsibull_changelog(root, "release", *options)
    changes = load_yaml_file(root / CHANGES)
    for release in changes["releases"].values():
        drop_private(release)
    store_yaml_file(root / CHANGES, changes, nice=True, sort_keys=False)
    _antsibull_changelog(root, "generate")


def _antsibull_changelog(root: Path, *arguments: str) -> None:
    """Its output is shown only after a failure: it asks for a summary also where the release has one already."""
    command = ["antsibull-changelog", *arguments]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} fails:\n{done.stdout}")


def drop_private(release: dict[str, Any]) -> None:
    """Remove plugins whose names start with an underscore, which only the collection itself uses."""
    for group in (release, release.get("plugins", {})):
        for kind, listed in list(group.items()):
            if kind in ("changes", "fragments") or not isinstance(listed, list):
                continue
            group[kind] = [plugin for plugin in listed if not plugin["name"].startswith("_")]
            if not group[kind]:
                del group[kind]


def _refuse_tagged(root: Path) -> None:
    """A release does not change after it."""
    version = read_version(root)
    if version in _git(root, "tag", "--list", version).split():
        raise ReleaseError(f"galaxy.yml: version {version} has been released: raise it before make changelog")


def _refuse_outdated(root: Path) -> None:
    """Write the changelog in a copy: it must not differ."""
    release = load_yaml_file(root / CHANGES)["releases"][read_version(root)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "ansible_collections/cryptokey/wireguard"
        subprocess.run(["bash", "tests/copy.sh", str(copy)], cwd=root, check=True)
        write_changelog(copy, date=str(release["release_date"]))
        for text in TEXTS:
            if (copy / text).read_bytes() != (root / text).read_bytes():
                raise ReleaseError(f"{text}: differs from what make changelog writes: run it")


def main(arguments: Sequence[str]) -> int:
    root = Path.cwd()
    try:
        if arguments == ["changelog"]:
            _refuse_tagged(root)
            write_changelog(root)
        elif arguments == ["check"]:
            if faults := find_faults(root):
                raise ReleaseError("\n".join(faults))
            _refuse_outdated(root)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
