# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry: a durable store of the public facts of each network, one YAML file per network.

The file is made to be read and committed: sorted, one fact a line, and never a secret in it::

    hosts:
      hub1:
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=

It is replaced as a whole, so that a reader needs no lock; writers take turns, and each merges into what it finds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml
from yaml.reader import ReaderError

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key

_HEADER = """\
# The public facts of a WireGuard network. Written by cryptokey.wireguard.plan; commit it with the inventory.
---
"""
_FIELDS = ("public_key",)
_REMEDY = "restore the file from version control, or mend the line; without the file, the next run makes it anew"
# libyaml's are ten times as fast, but not everywhere.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class RegistryError(Exception):
    """A registry that cannot be used; says which file, where in it, and what to do."""


class Update(NamedTuple):
    """What became of a registry: ``keys`` from host to public key, the file's text, and whose key is another now."""

    keys: dict[str, str]
    path: Path
    before: str
    after: str
    replaced: list[str]

    @property
    def changed(self) -> bool:
        return self.before != self.after


def registry_path(directory: str, network: str) -> Path:
    return Path(directory) / f"{network}.yml"


def read_registry(path: Path) -> dict[str, str]:
    """Host to public key; nothing where there is no file yet. Raises RegistryError."""
    return _parse(_read(path), path)


def update_registry(path: Path, hosts: Collection[str], keys: Mapping[str, str], write: bool = True) -> Update:
    """Merges ``keys``, host to public key, into the file, and drops whoever is not among ``hosts``.

    Without ``write``, as in check mode, nothing is touched and the result says what would be.
    """
    members = set(hosts)
    with _lock(path) if write else contextlib.nullcontext():
        before = _read(path)
        known = _parse(before, path)
        merged = {host: key for host, key in {**known, **keys}.items() if host in members}
        replaced = sorted(host for host in merged if known.get(host, merged[host]) != merged[host])
        # A file that says the same in other words stays as its author wrote it.
        after = before if merged == known else _render(merged)
        if write and after is not None and after != before:
            _replace(path, after)
    return Update(merged, path, before or "", after or "", replaced)


def _render(keys: Mapping[str, str]) -> str:
    hosts = {host: {"public_key": key} for host, key in keys.items()}
    return _HEADER + str(yaml.dump({"hosts": hosts}, Dumper=_Dumper, default_flow_style=False, allow_unicode=True))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"registry {path}: cannot be read: {error}; {_REMEDY}") from error


def _parse(text: str | None, path: Path) -> dict[str, str]:
    """By nodes rather than values: a node has its line, and shows a key that is there twice, as merges leave them."""
    if text is None:
        return {}
    try:
        root = yaml.compose(text, Loader=_Loader)
        facts = _mapping(_mapping(root, path, ("hosts",)).get("hosts"), path)
        fields = {host: _mapping(node, path, _FIELDS) for host, node in facts.items()}
        return {host: _public_key(field["public_key"], path) for host, field in fields.items() if field}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _broken(path, line, f"not YAML: {error.problem}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _broken(path, line, f"not YAML: {error.reason}") from error


def _broken(path: Path, line: int, problem: str) -> RegistryError:
    return RegistryError(f"registry {path}, line {line}: {problem}; {_REMEDY}")


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node else 1


def _mapping(node: yaml.Node | None, path: Path, valid: Collection[str] = ()) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _broken(path, _line(node), f"here belongs a mapping{' with ' if valid else ''}{', '.join(valid)}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in found:
            raise _broken(path, _line(key), f"{name} is here for the second time")
        if valid and name not in valid:
            raise _broken(path, _line(key), f"{name} is unknown, only {', '.join(valid)} can be here")
        found[name] = value
    return found


def _public_key(node: yaml.Node, path: Path) -> str:
    try:
        return str(parse_public_key(str(node.value)))
    except InputError as error:
        raise _broken(path, _line(node), f"public_key {node.value!r} is {error.problem}") from error


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Writers take turns by a file beside the registry, which the last one removes."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(lock)
    except OSError as error:
        raise RegistryError(f"registry {path}: cannot be locked: {error}; make its directory writable") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path) -> int:
    """A descriptor that holds the lock on the file of this name, not on one that its owner has just removed."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Readers see the old file or the new one, also after a power cut."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise RegistryError(f"registry {path}: cannot be written: {error}; make its directory writable") from error
