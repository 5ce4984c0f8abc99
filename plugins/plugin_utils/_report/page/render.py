# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a status document as one HTML page, which asks for nothing from anywhere.

The template, the style sheet and the script lie beside this file. The page allows only the two that it holds, by
their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..status_document import StatusDocument
from ..words import read_time, write_age, write_count, write_duration, write_size
from .layout import check_layout_library
from .view import MOST_OPERATIONS, view_document

_FOLDER = Path(__file__).parent
# No parser of HTML keeps these: it drops, replaces or complains about them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def render_page(document: StatusDocument) -> str:
    """The same document gives the same page. Raises MissingLibrary without igraph."""
    check_layout_library()
    now = document["generated"]
    style, script = (_read_asset(name) for name in ("page.css", "page.js"))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            view=view_document(document),
            style=Markup(style),
            script=Markup(script),
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'",
            most_operations=MOST_OPERATIONS,
            ago=lambda seconds: write_age(now - seconds),
            age=lambda seconds: write_duration(now - seconds),
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=replace_unprintable,
    )
    filters: dict[str, Callable[..., Any]] = {
        "size": write_size,
        "count": write_count,
        "iso": lambda seconds: _write_time(seconds, "%Y-%m-%dT%H:%M:%SZ"),
        "utc": lambda seconds: _write_time(seconds, "%Y-%m-%d %H:%M:%S UTC"),
    }
    environment.filters.update(filters)
    return environment


def replace_unprintable(value: Any) -> Any:
    """U+FFFD in place of each character that no HTML document can hold."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNPRINTABLE.sub("\ufffd", value)
    return value


def _write_time(seconds: int, form: str) -> str:
    time = read_time(seconds)
    return str(seconds) if time is None else time.strftime(form)


def _read_asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
