# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs after the module has ended carries all the code that it can ever import."""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import zipapp
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.program import run_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import rollback
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation import follower
from ansible_collections.cryptokey.wireguard.tests.unit.runs import environment

TOP = Path(__file__).parents[3]
PACKAGE = "ansible_collections.cryptokey.wireguard.plugins.module_utils"
FOLDER = PACKAGE.replace(".", "/")
FOLLOW: Any = follower.follow_on
# What programs are made of, and one module each that they import late.
ENTRIES: list[tuple[Any, str]] = [
    (rollback.main, "_wireguard/bulk_add.py"),
    (FOLLOW, "_wireguard/bulk_add.py"),
    (run_metrics, "_converge/diff.py"),
]


def content(program: bytes) -> dict[str, str]:
    """The files of an archive, by path below module_utils, and the others by their whole path."""
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        return {name.removeprefix(f"{FOLDER}/"): archive.read(name).decode() for name in archive.namelist()}


def imported_files(path: str, source: str) -> Iterator[str]:
    """The files below module_utils that a file names in any import statement, wherever it stands."""
    here = Path(path).parent.parts
    for node in ast.walk(without_types(ast.parse(source))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("ansible_collections") for alias in node.names)
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = Path(*here[: len(here) + 1 - node.level], *(node.module or "").split("."))
        for candidate in (base, *(base / alias.name for alias in node.names)):
            yield from (file for file in (f"{candidate}.py", f"{candidate}/__init__.py") if exists(Path(file)))


def exists(file: Path) -> bool:
    return (TOP / "plugins/module_utils" / file).exists()


def without_types(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return tree


@pytest.mark.parametrize(("entry", "late"), ENTRIES)
def test_every_import_is_in_it(entry: zipapp.Main, late: str) -> None:
    files = content(zipapp.build_program(entry))
    ours = {path: source for path, source in files.items() if exists(Path(path))}
    assert late in ours
    assert files.keys() - ours.keys() == {
        "__main__.py",
        "__init__.py",
        *("/".join([*PACKAGE.split(".")[:depth], "__init__.py"]) for depth in range(1, 5)),
    }
    needed = {needed for path, source in ours.items() for needed in imported_files(path, source)}
    assert sorted(needed - ours.keys()) == []


@pytest.mark.parametrize(
    ("source", "is_package", "names"),
    [
        ("import a.b as c", False, [("a.b", "")]),
        ("def f():\n    with x:\n        from .._m import y", False, [("p._m", "y")]),
        ("try:\n    from . import y, z\nexcept ImportError:\n    pass", False, [("p.q", "y"), ("p.q", "z")]),
        ("from . import y", True, [("p.q.r", "y")]),
        ("if TYPE_CHECKING:\n    from .t import T\nelse:\n    from .e import E", False, [("p.q.e", "E")]),
        ("class C:\n    if X:\n        from .k import K", False, [("p.q.k", "K")]),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, is_package: bool, names: list[tuple[str, str]]) -> None:
    assert list(zipapp.find_imports("p.q.r", source, is_package)) == names


def payload(module: str, folder: Path) -> Path:
    """The zip archive that Ansible copies to a host for a module: all of our code that is there, and none is loaded."""
    settings = {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TMP": str(folder / "remote")}
    command = ["ansible", "localhost", "--connection", "local", "--check", "--args", "interface=wg-none"]
    command += ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    subprocess.run(
        [*command, "--module-name", f"cryptokey.wireguard.{module}"],
        capture_output=True,
        check=False,
        env=environment(folder, **settings),
    )
    (wrapper,) = (folder / "remote").glob(f"*/AnsiballZ_{module}.py")
    file = folder / "payload.zip"
    file.write_bytes(base64.b64decode(max(re.findall(r"[A-Za-z0-9+/=]{2000,}", wrapper.read_text()), key=len)))
    return file


def run_from(payload: Path, *lines: str) -> Any:
    """What a script prints as JSON that runs in a bare interpreter which has the payload alone."""
    script = ["import io, json, sys, zipfile", "sys.path.insert(0, sys.argv[1])", *lines]
    command = [sys.executable, "-I", "-S", "-c", "\n".join(script), str(payload)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)


@pytest.mark.parametrize(
    ("module", "entry"), [("interface", rollback.main), ("confirm", rollback.main), ("_metrics", run_metrics)]
)
def test_it_is_built_from_what_ansible_copies_just_the_same(module: str, entry: Any, tmp_path: Path) -> None:
    built = run_from(
        payload(module, tmp_path),
        f"from {PACKAGE}._host import zipapp; from {entry.__module__} import {entry.__name__} as entry",
        "built = zipfile.ZipFile(io.BytesIO(zipapp.build_program(entry)))",
        "print(json.dumps({name: built.read(name).decode() for name in built.namelist()}))",
    )
    ours = content(zipapp.build_program(entry))
    del built["__main__.py"], ours["__main__.py"]
    assert {name.removeprefix(f"{FOLDER}/"): source for name, source in built.items()} == ours


def test_what_follows_a_key_has_all_its_code_loaded_before_it_is_left_alone(tmp_path: Path) -> None:
    loaded = run_from(
        payload("_follow", tmp_path),
        f"from {PACKAGE}._rotation import follower",
        "class Device:",
        "    read = lambda self: type('State', (), {'peers': {}})",
        "    start_sessions = lambda self, peers: None",
        f"ours = lambda: sorted(name for name in sys.modules if name.startswith('{PACKAGE}.'))",
        "follower._detach = lambda work: print(json.dumps(ours()))",
        f"follower.start_following(follower.Following('wg0', Device(), {{}}, 1), {str(tmp_path)!r})",
    )
    files = content(zipapp.build_program(FOLLOW))
    paths = {f"{name.removeprefix(f'{PACKAGE}.').replace('.', '/')}" for name in loaded}
    assert {path.removesuffix(".py").removesuffix("/__init__") for path in files if exists(Path(path))} <= paths


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def main(_arguments: object) -> int:
        return 0

    monkeypatch.setattr(main, "__module__", f"{PACKAGE}._gone")
    with pytest.raises(OSError, match=r"the module \S+\._gone is missing"):
        zipapp.build_program(main)
