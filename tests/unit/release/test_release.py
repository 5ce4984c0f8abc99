# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make changelog` writes, and what `make release` refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests import release

ROOT = Path(__file__).parents[3]
FRAGMENT = "minor_changes:\n  - keypair - read keys faster.\n"


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A collection of this name with a module, a private module and the changelog of one release."""
    root = tmp_path / "ansible_collections/cryptokey/wireguard"
    modules = root / "plugins/modules"
    modules.mkdir(parents=True)
    (root / "changelogs").mkdir()
    for name in ("galaxy.yml", "changelogs/config.yaml"):
        shutil.copy(ROOT / name, root / name)
    for name in ("keypair", "_step"):
        text = f"module: {name}\nshort_description: Do it\nversion_added: 1.0.0\ndescription: [It.]\nauthor: [x (@x)]\n"
        (modules / f"{name}.py").write_text(f'DOCUMENTATION = """\n{text}"""\nEXAMPLES = ""\nRETURN = ""\n')
    set_version(root, "1.0.0")
    add_fragment(root, "summary", "release_summary: The first release.\n")
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "--message=x")
    return root


def set_version(root: Path, version: str) -> None:
    file = root / "galaxy.yml"
    file.write_text(re.sub(r"^version: .*$", f"version: {version}", file.read_text(), flags=re.MULTILINE))


def add_fragment(root: Path, name: str, text: str = FRAGMENT) -> None:
    folder = root / release.FRAGMENTS
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yml").write_text(text)


def changes(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / release.CHANGES).read_text())["releases"]
    return found


def run(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str) -> tuple[int, str]:
    monkeypatch.chdir(root)
    code = release.main([word])
    return code, capsys.readouterr().err


def test_changelog_takes_the_fragments_and_lists_public_modules_only(project: Path) -> None:
    (project / release.CHANGES).write_text("ancestor: null\nreleases: {}\n")
    release.write_changelog(project, date="2026-11-28")
    first = changes(project)["1.0.0"]
    assert [module["name"] for module in first["modules"]] == ["keypair"]
    assert first["changes"] == {"release_summary": "The first release."}
    assert "_step" not in (project / "CHANGELOG.md").read_text().replace("\\", "")
    assert not list((project / release.FRAGMENTS).glob("*"))
    assert release.find_faults(project) == []

    # Until the version has a tag, fragments are added to it.
    add_fragment(project, "faster")
    release.write_changelog(project, date="2026-11-29")
    assert changes(project)["1.0.0"]["changes"]["minor_changes"] == ["keypair - read keys faster."]
    assert changes(project)["1.0.0"]["release_date"] == "2026-11-29"

    set_version(project, "1.0.1")
    add_fragment(project, "again")
    release.write_changelog(project, date="2026-11-30")
    assert list(changes(project)) == ["1.0.0", "1.0.1"]
    assert "modules" not in changes(project)["1.0.1"]


def test_a_version_that_has_a_tag_keeps_its_changelog(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(project, "tag", "1.0.0")
    code, said = run(project, monkeypatch, capsys, "changelog")
    assert (code, said) == (1, "galaxy.yml: version 1.0.0 has been released: raise it before make changelog\n")
    assert list((project / release.FRAGMENTS).glob("*"))


@pytest.mark.parametrize(
    ("version", "tag", "fragment", "fault"),
    [
        ("1.1.0", "", "", "changelogs/changelog.yaml: no release 1.1.0, which is the version in galaxy.yml"),
        ("1.0.0-rc", "", "", "galaxy.yml: version '1.0.0-rc': expected MAJOR.MINOR.PATCH"),
        ("0.9.0", "", "", "galaxy.yml: version 0.9.0: changelogs/changelog.yaml has a newer release, 1.0.0"),
        ("1.0.0", "1.0.1", "", "tag 1.0.1: galaxy.yml has version 1.0.0"),
        ("1.0.0", "v1.0.0", "", "tag v1.0.0: galaxy.yml has version 1.0.0"),
        ("1.0.0", "1.0.0", "more", "changelogs/fragments/more.yml: not in the changelog"),
    ],
)
def test_release_is_refused_unless_version_changelog_and_tag_agree(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    tag: str,
    fragment: str,
    fault: str,
) -> None:
    shutil.rmtree(project / release.FRAGMENTS)
    store = {"ancestor": None, "releases": {number: {"release_date": "2026-11-28"} for number in ("0.9.0", "1.0.0")}}
    (project / release.CHANGES).write_text(yaml.safe_dump(store))
    assert release.find_faults(project) == []
    set_version(project, version)
    if tag:
        git(project, "tag", tag)
    if fragment:
        add_fragment(project, fragment)
    code, said = run(project, monkeypatch, capsys, "check")
    assert code == 1
    assert fault in said


def test_documentation_names_no_version_that_is_not_released() -> None:
    """Nothing is older than the first release, or newer than the next one."""
    version = release.read_version(ROOT)
    found: dict[str, list[str]] = {}
    for folder in ("plugins", "roles"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in (".py", ".yml"):
                added = re.findall(r"^ *version_added: (.*)$", path.read_text(), re.MULTILINE)
                found[str(path.relative_to(ROOT))] = added
    modules = [path for path in found if re.fullmatch(r"plugins/(modules|filter)/[a-z]\w*\.py", path)]
    assert len(modules) > 10
    assert [path for path in modules if not found[path]] == []
    numbers = {text for texts in found.values() for text in texts}
    assert all((1, 0, 0) <= tuple(map(int, text.split("."))) <= tuple(map(int, version.split("."))) for text in numbers)
