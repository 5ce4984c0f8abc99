# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of an interface's own nftables table, from which it is loaded at boot. It is beside the wg-quick file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from .._model.errors import InputError
from .._model.interface import DesiredInterface
from .._model.own_table import TABLE_FILE_MARK, OwnTable, table_script
from .._store.files import remove_file, replace_file
from .._store.reading import FileContent, read_file

_MODE = 0o600
HEADER = f"{TABLE_FILE_MARK}: the next run undoes manual changes.\n"
# It stands in a command of the shell, where wg-quick replaces %i and cuts off what is after a #.
_PLAIN = re.compile(r"[A-Za-z0-9_./@:,=+-]+")


class TableFile(NamedTuple):
    """``content`` is what is there. ``wanted`` is the text that it should have, empty for no file. Without
    ``is_managed`` it is left as it is."""

    path: str
    content: FileContent | None
    text: str
    wanted: str
    is_managed: bool = False

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else has written it. It is then never changed or removed."""
        return self.content is not None and not self.text.startswith(TABLE_FILE_MARK)

    @property
    def is_stale(self) -> bool:
        if not self.is_managed:
            return False
        if self.content is None or not self.wanted:
            return self.text != self.wanted or bool(self.content)
        return self.text != self.wanted or (self.content.mode, self.content.owner) != (_MODE, os.geteuid())

    def write(self) -> None:
        """Raises ChangedMeanwhile, InputError and OSError."""
        if self.is_stale and self.wanted:
            replace_file(self.path, self.content, self.wanted.encode(), _MODE)
        elif self.is_stale:
            remove_file(self.path)


def read_table_file(desired: DesiredInterface, config_path: str) -> TableFile:
    """Read the file beside the wg-quick file of this path. Raises InputError and OSError."""
    path = str(Path(config_path).absolute())
    path = f"{path[: -len('.conf')] if path.endswith('.conf') else path}.nft"
    content = read_file(path)
    text = content.data.decode("utf-8", "replace") if content else ""
    found = TableFile(path, content, text, text)
    if desired.nftables is None or (found.is_foreign and not desired.nftables):
        return found
    if found.is_foreign:
        raise InputError("nftables", None, f"{path} was not written by this module", "move or rename that file")
    if desired.nftables and not _PLAIN.fullmatch(path):
        problem, remedy = "wg-quick cannot load a table from beside it", "use letters, digits and _./@:,=+- only"
        raise InputError("path", config_path, problem, remedy)
    body = desired.nftables
    wanted = HEADER + table_script(desired.interface, OwnTable("", body)) if body else ""
    return found._replace(wanted=wanted, is_managed=True)
