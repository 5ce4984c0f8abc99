# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build programs from this collection's own code, to run on a host after the module has ended.

Ansible removes the files of a module when it ends. So a program must contain all the code that it can ever import. This
is found by reading the import statements, also those within functions: a module that is imported only when it is needed
is not loaded yet, so ``sys.modules`` does not show it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import marshal
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .executable import executable_comment, seal_executable

_ROOT = str(__package__).rpartition(".")[0]
_MAIN = "__main__.py"

# From the arguments to the exit code.
Main = Callable[[Sequence[str]], int]


class ProgramError(OSError):
    """The source of a module is missing or cannot be read; the message names it."""


class _Module(NamedTuple):
    source: str
    is_package: bool


def build_program(main: Main) -> bytes:
    """Return a zip archive with our code that calls ``main`` and finds the present libraries. Raises ProgramError."""
    archive = io.BytesIO()
    _write_archive(archive, main)
    return archive.getvalue()


def build_executable(main: Main, version: str) -> bytes:
    """The same as a file that can be run by its name, and that starts quickly: it has the byte code of this Python
    beside the sources, which another Python falls back to. ``is_executable_current`` recognises it.

    ``version`` is a word of ASCII characters. Raises ProgramError.
    """
    archive = io.BytesIO(f"#!{sys.executable} -IS\n".encode())
    archive.seek(0, io.SEEK_END)
    _write_archive(archive, main, with_byte_code=True, comment=executable_comment(version))
    return seal_executable(archive.getvalue())


def _write_archive(archive: io.BytesIO, main: Main, with_byte_code: bool = False, comment: bytes = b"") -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as program:

        def write(name: str, source: str) -> None:
            program.writestr(name, source)
            if with_byte_code:
                program.writestr(f"{name}c", _byte_code(name, source))

        program.comment = comment
        parts = _ROOT.split(".")
        for depth in range(1, len(parts)):
            write("/".join([*parts[:depth], "__init__.py"]), "")
        for name, module in _reachable(main.__module__).items():
            write(name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py"), module.source)
        libraries = [folder for folder in sys.path if Path(folder).is_absolute() and Path(folder).is_dir()]
        lines = (
            "import sys",
            f"sys.path += [folder for folder in {libraries!r} if folder not in sys.path]",
            f"from {main.__module__} import {main.__name__}",
            f"sys.exit({main.__name__}(sys.argv[1:]))",
        )
        write(_MAIN, "\n".join(lines) + "\n")


def _byte_code(name: str, source: str) -> bytes:
    """A .pyc file that is taken without a look at its source (PEP 552)."""
    code = compile(source, name, "exec", dont_inherit=True)
    flags = (1).to_bytes(4, "little")
    source_hash = importlib.util.source_hash(source.encode())
    return importlib.util.MAGIC_NUMBER + flags + source_hash + marshal.dumps(code)


def load_program(path: str) -> None:
    """Import every module of the archive, which must be the running program. Raises what the imports raise."""
    with zipfile.ZipFile(path) as program:
        names = [name[: -len(".py")].replace("/", ".") for name in program.namelist() if _is_module_file(name)]
    for name in names:
        importlib.import_module(name[: -len(".__init__")] if name.endswith(".__init__") else name)


def _is_module_file(name: str) -> bool:
    return name.endswith(".py") and name != _MAIN


def load_reachable(name: str) -> None:
    """Import all of our modules that the named module can ever import, for a process that outlives the files.

    Raises ProgramError.
    """
    for module in _reachable(name):
        importlib.import_module(module)


def _reachable(entry: str) -> dict[str, _Module]:
    """Read the module and all of our modules that it can import, sorted by name."""
    found: dict[str, _Module] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = _read(name)
        waiting += (package for package in _packages(name) if package not in found)
        waiting += _ours(find_imports(name, *found[name]))
    return dict(sorted(found.items()))


def _packages(name: str) -> Iterator[str]:
    """Yield our packages that contain the module, the innermost first."""
    while name != _ROOT:
        name = name.rpartition(".")[0]
        yield name


def find_imports(name: str, source: str, is_package: bool) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each import in a source. The name is empty for ``import X``."""
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in _run_time_nodes(ast.parse(source, name)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node except those for type checkers only."""
    yield node
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _run_time_nodes(child)


def _ours(imports: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield our modules among the imports. The ``y`` of ``from X import y`` may be a module or a name in one."""
    for module, name in imports:
        if not f"{module}.".startswith(f"{_ROOT}."):
            continue
        yield module
        if name and _is_module(module, name):
            yield f"{module}.{name}"


def _is_module(package: str, name: str) -> bool:
    spec = importlib.util.find_spec(package)
    is_package = spec is not None and spec.submodule_search_locations is not None
    return is_package and importlib.util.find_spec(f"{package}.{name}") is not None


def _read(name: str) -> _Module:
    """Read the module through its loader, which may be a zip archive of Ansible's. Raises ProgramError."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ProgramError(f"the module {name} is missing")
    is_package = spec.submodule_search_locations is not None
    get_source = getattr(spec.loader, "get_source", None)
    source = get_source(name) if get_source else None
    if not (source or is_package):
        raise ProgramError(f"the source of {name} cannot be read")
    return _Module(source or "", is_package)
