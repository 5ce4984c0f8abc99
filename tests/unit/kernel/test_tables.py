# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of routing tables, from the places where iproute2 looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.tables import parse_tables, resolve_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

DEBIAN = """#
# reserved values
#
255\tlocal
254\tmain
253\tdefault
0\tunspec
#
# local
#
#1\tinr.ruhep
"""


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        pytest.param(DEBIAN, {"local": 255, "main": 254, "default": 253, "unspec": 0}, id="Debian's"),
        pytest.param(" 0x64 vpn # ours\n4294967295\tlast", {"vpn": 100, "last": 2**32 - 1}, id="hex, comment, spaces"),
        pytest.param("100 two words\nvpn 100\n-1 x\n100\n\n99999999999 far", {}, id="no entries"),
        pytest.param("100 vpn\n200 vpn", {"vpn": 200}, id="the later counts"),
    ],
)
def test_entries(text: str, entries: dict[str, int]) -> None:
    assert parse_tables(text) == entries


@pytest.mark.parametrize(
    ("table", "number"),
    [("auto", "auto"), ("off", "off"), ("1234", "1234"), ("main", "254"), ("default", "253"), ("local", "255")],
)
def test_what_needs_no_file(tmp_path: Path, table: str, number: str) -> None:
    assert resolve_table(table, str(tmp_path)) == number


@pytest.mark.parametrize(
    ("files", "number"),
    [
        pytest.param({"etc/iproute2/rt_tables": "200 vpn"}, "200", id="the administrator's"),
        pytest.param({"usr/share/iproute2/rt_tables": "201 vpn"}, "201", id="the package's"),
        pytest.param({"usr/lib/iproute2/rt_tables": "202 vpn"}, "202", id="the package's, iproute2 6.5"),
        pytest.param(
            {"etc/iproute2/rt_tables": "200 vpn", "usr/share/iproute2/rt_tables": "201 vpn"}, "200", id="both"
        ),
        pytest.param({"etc/iproute2/rt_tables.d/a.conf": "203 vpn"}, "203", id="a drop-in"),
        pytest.param({"usr/share/iproute2/rt_tables.d/a.conf": "204 vpn"}, "204", id="a drop-in of a package"),
        pytest.param(
            {"etc/iproute2/rt_tables.d/a.conf": "203 vpn", "usr/share/iproute2/rt_tables.d/b.conf": "204 vpn"},
            "203",
            id="both drop-ins",
        ),
    ],
)
def test_where_it_looks(tmp_path: Path, files: dict[str, str], number: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert resolve_table("vpn", str(tmp_path)) == number


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "etc/iproute2/rt_tables.d"
    folder.mkdir(parents=True)
    (folder / "README").write_text("200 vpn")
    (folder / "zero.conf").write_text("0 unspec")
    for name in ("vpn", "unspec"):
        with pytest.raises(InputError) as caught:
            resolve_table(name, str(tmp_path))
        problem = f"table '{name}': no routing table of this host has this name; give a number, or add a line such as"
        assert str(caught.value) == f"{problem} '200 {name}' to /etc/iproute2/rt_tables"
