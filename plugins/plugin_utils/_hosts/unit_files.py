# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's files and templates say for an interface, so that a host can compare its own with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

ROLE = Path(__file__).parents[3] / "roles/network"


def setup_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the drop-in for namespaces and of the timer, and the digest of the timer's program and service.

    Only those that the entry of the plan asks for. Few entries ask for any.
    """
    options, setup = entry["options"], {}
    if options.get("netns") or options.get("birth_netns"):
        setup["drop_in"] = _render("60-cryptokey-netns.conf.j2", entry)
    if entry.get("reresolve") is not None:
        setup["timer"] = _render("reresolve.timer.j2", entry)
        setup["program"] = _program_digest()
    return setup


def _render(name: str, entry: Mapping[str, Any]) -> str:
    """Render a template of the role as Ansible does, without a copy of all variables."""
    from jinja2 import Environment, StrictUndefined

    # The role's templates write configuration for systemd, not HTML.
    jinja = Environment(trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined)
    text = (ROLE / "templates" / name).read_text(encoding="utf-8")
    return jinja.from_string(text).render(network_interface=entry)


@lru_cache(maxsize=1)
def _program_digest() -> str:
    files = (ROLE / "files" / name for name in ("reresolve.sh", "reresolve.service"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
