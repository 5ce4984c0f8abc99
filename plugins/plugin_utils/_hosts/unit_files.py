# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's files and templates say for an interface, so that a host can compare its own with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import render_metrics_settings

# What a wg-quick file does not say of the options with which it was written.
_WATCHED_OPTIONS = ("birth_netns", "keep_routes", "netns", "outside_replies", "peers_mode", "private_key_file")
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


def metrics_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The texts of the files for the metrics of a host, the version of their program, and the directory for them.

    ``entries`` are all of the host in the plan. Empty for a host without metrics.
    """
    watched = [entry for entry in entries if entry.get("metrics")]
    if not watched:
        return {}
    directory = watched[0]["metrics"]["directory"]
    settings = {"directory": directory, "interfaces": [_watched(entry) for entry in watched]}
    return {
        "service": _render("metrics.service.j2", watched[0]),
        "timer": _render("metrics.timer.j2", watched[0]),
        "settings": render_metrics_settings(settings),
        "version": code_version(),
        "directory": directory,
    }


def _watched(entry: Mapping[str, Any]) -> dict[str, Any]:
    options, forwarding = entry["options"], entry.get("forwarding") or {}
    return {
        "interface": options["interface"],
        "options": {name: options[name] for name in _WATCHED_OPTIONS if name in options},
        "forwarding": sorted(family for family, on in forwarding.items() if on),
        "clients": entry["metrics"].get("clients", {}),
    }


@lru_cache(maxsize=1)
def code_version() -> str:
    """A digest of all code that can run on a host. Programs that are left there are made again when it changes."""
    code = Path(__file__).parents[2] / "module_utils"
    digest = hashlib.sha256()
    for file in sorted(code.glob("*/*.py")):
        digest.update(f"{file.relative_to(code)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


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
