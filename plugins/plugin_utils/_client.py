# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a client, a device that Ansible does not manage. Pure: the plan and a key in, a text out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.options import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render, render_diff

from ._preshared import with_preshared_keys

_FILE_NAME = re.compile(r"[A-Za-z0-9_=+][A-Za-z0-9_=+.-]*")
_NO_KEY = "[Interface]\n# The device's own private key belongs here, as: PrivateKey = ...\n"
_OPTIONS = ("interface", "addresses", "dns", "dns_search", "mtu")


class Client(NamedTuple):
    """A client of a network. ``entry``: its part of the plan; ``device_key``: the public key that the inventory has."""

    network: str
    name: str
    entry: Mapping[str, Any]
    device_key: str | None

    @property
    def option(self) -> str:
        """How messages call it."""
        return f"wireguard_networks.{self.network}.clients.{self.name}"

    @property
    def peers(self) -> list[str]:
        return [peer["name"] for peer in self.entry["peers"]]


def check_client(client: Client) -> None:
    """Raises InputError where there can be no file for it."""
    if not _FILE_NAME.fullmatch(client.name):
        raise InputError(client.option, None, "its name cannot be a file's", "use letters, digits or _=+.-")
    if not client.peers:
        problem = "no public key is known yet of whoever it is to talk to"
        raise InputError(client.option, None, problem, "run cryptokey.wireguard.site first, which makes their keys")


def choose_key(client: Client, path: str, kept: PrivateKey | None, renew: bool) -> tuple[PrivateKey | None, bool]:
    """The client's private key, and whether one has to be made. ``kept`` is what its file at ``path`` has.

    Raises InputError where neither would be right, and ImportError where pynacl is missing.
    """
    public = str(public_key_of(kept)) if kept else None
    if client.device_key:
        if renew:
            problem = "its key is made on the device, which the public_key in the inventory is of"
            raise InputError(client.option, None, problem, "make another one there, or leave public_key out")
        # A key that was put into the file by hand is not taken out again.
        return (kept if public == client.device_key else None), False
    recorded = client.entry.get("public_key")
    if renew or not (kept or recorded):
        return None, True
    remedy = f"put the right file back, or have a new key made: -e wireguard_client_renew={client.name}"
    if kept is None:
        problem = f"its private key was in {path}, which has none now, and is stored nowhere else"
        raise InputError(client.option, None, problem, remedy)
    if recorded and public != recorded:
        problem = f"the private key in {path} is not that of the recorded public key {recorded}"
        raise InputError(client.option, None, problem, remedy)
    return kept, False


def client_file(
    client: Client, private_key: PrivateKey | None, public_key: str | None, options: Mapping[str, Any]
) -> WgQuickFile:
    """What the client's file says. ``options`` are the network's, for its preshared keys. Raises InputError."""
    entry = client.entry
    given = {option: entry[option] for option in _OPTIONS if entry.get(option) is not None}
    peers = with_preshared_keys(entry["peers"], client.name, public_key, options)
    # What answers connections from outside is a hook for nftables: not for a phone.
    desired = parse_interface({**given, "peers": peers, "outside_replies": False}, private_key)
    return overlay(desired, WgQuickFile())


def header(client: Client) -> str:
    until = client.entry.get("valid_until")
    return (
        f"# {client.name} in {client.network}"
        + (f", until {until}" if until else "")
        + " (cryptokey.wireguard.clients)"
    )


def render_client(client: Client, file: WgQuickFile) -> str:
    """The text, with the secrets in it, as wg-quick(8) and the WireGuard apps take it."""
    return _with_place(render(file, header=header(client)), file)


def show_change(client: Client, before: str, file: WgQuickFile) -> tuple[str, str]:
    """The texts before and after, for people's eyes, without the secrets. Raises InputError for a broken ``before``."""
    old, new = render_diff(before, parse(before) if before else WgQuickFile(), file, header(client))
    return (old if before else ""), _with_place(new, file)


def _with_place(text: str, file: WgQuickFile) -> str:
    return text if file.private_key else text.replace("[Interface]\n", _NO_KEY, 1)
