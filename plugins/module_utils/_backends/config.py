# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the startup state: the options of ``config`` in, a wg-quick file out, without Ansible."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from .._host.tables import resolve_table
from .._model.errors import InputError
from .._model.interface import DesiredInterface
from .._model.names import parse_interface_name
from .._model.packages import package_hint
from .._options.parser import refuse_own_key
from .._store.files import again_when_changed, ensure_parent, remove_file, replace_file, sweep
from .._store.reading import read_file
from .._wgquick.file import DIRECTORY, WgQuickFile
from .._wgquick.overlay import overlay
from .._wgquick.render import encode_file, redact, render, render_diff
from .desired import public_key_if_known, read_desired
from .table_file import TableFile, read_table_file

MODE = 0o600


class ConfigResult(NamedTuple):
    """``text`` is the file's own before, and ``old`` what it said; ``new`` is None for no file. ``table`` is the
    file of the interface's own nftables table."""

    changed: bool
    path: str
    text: str
    old: WgQuickFile
    new: WgQuickFile | None
    table: TableFile

    @property
    def diffs(self) -> list[tuple[str, str, str]]:
        """The path of each file that can have changed, and its text before and after, without secrets."""
        table = self.table
        more = [(table.path, table.text, table.wanted)] if table.text != table.wanted else []
        return [(self.path, *self._diff()), *more]

    def _diff(self) -> tuple[str, str]:
        return (redact(self.text), "") if self.new is None else render_diff(self.text, self.old, self.new)


def config_path(options: Mapping[str, Any]) -> str:
    return options.get("path") or f"{DIRECTORY}/{parse_interface_name(options['interface'])}.conf"


@again_when_changed
def ensure_config(options: Mapping[str, Any], check_mode: bool = False, own_directory: str = DIRECTORY) -> ConfigResult:
    """Make the file match the options. Raises InputError (also ParseError) and OSError.

    The directory is created and checked by ``ensure_parent``.
    """
    path = config_path(options)
    desired = read_desired(options, check_mode)
    _check_host(desired, check_mode)
    table = read_table_file(desired, path)
    if table.is_foreign:
        # Nor is the line ours that loads it.
        desired = replace(desired, nftables=None)
    content = read_file(path)
    text, old, new = _plan(desired, content.data if content else b"", path, table.path)
    rendered = render(new)
    stale = content is None or content.mode != MODE or content.owner != os.geteuid() or text != rendered
    changed = ensure_parent(path, own_directory, check_mode) or stale or table.is_stale
    if check_mode:
        return ConfigResult(changed, path, text, old, new, table)
    # The table is there before the line that loads it, and goes after that.
    if table.wanted:
        table.write()
    if stale:
        replace_file(path, content, encode_file(rendered), MODE)
    else:
        sweep(path)
    if not table.wanted:
        table.write()
    return ConfigResult(changed, path, text, old, new, table)


def _check_host(desired: DesiredInterface, check_mode: bool) -> None:
    """Refuse options with which wg-quick would fail to bring the interface up at boot."""
    resolve_table(desired.table)
    if desired.nftables and not check_mode:  # which cannot install it first
        from .._host.programs import find_program

        if find_program("nft") is None:
            problem = "wg-quick loads the table with the program nft, which this host lacks"
            raise InputError("nftables", None, problem, package_hint("nft"))
    if not desired.dns:
        return
    from .._host.dns import find_resolvconf

    if find_resolvconf() is None:
        problem = "wg-quick sets name servers through the program resolvconf, which this host lacks"
        remedy = f"{package_hint('resolvconf')}; if that has only resolvectl, link /usr/local/bin/resolvconf to it"
        raise InputError("dns", ", ".join(desired.dns), problem, remedy)


def _plan(desired: DesiredInterface, data: bytes, path: str, table_file: str) -> tuple[str, WgQuickFile, WgQuickFile]:
    """Return the text of the file, its content, and the content that it should have."""
    new = overlay(desired, WgQuickFile(), table_file)
    rendered = render(new)
    if data == encode_file(rendered):
        return rendered, new, new  # the usual case: the parser need not be loaded
    from .._wgquick.parse import decode, parse

    if desired.private_key:
        refuse_own_key(desired.peers or (), public_key_if_known(desired.private_key))
    text = decode(data)
    old = parse(text, path, managed=True)
    return text, old, overlay(desired, old, table_file)


def ensure_no_config(options: Mapping[str, Any], check_mode: bool = False) -> ConfigResult:
    """Remove the file, whatever it says, and our file of the table. Raises InputError and OSError."""
    path = config_path(options)
    content = read_file(path)
    table = read_table_file(DesiredInterface(parse_interface_name(options["interface"]), nftables=""), path)
    if not check_mode:
        remove_file(path)
        table.write()
    text = content.data.decode("utf-8", "surrogateescape") if content else ""
    return ConfigResult(content is not None or table.is_stale, path, text, WgQuickFile(), None, table)
