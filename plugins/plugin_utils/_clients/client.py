# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a client, a device that Ansible does not manage: the plan and its key in, a text out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    KEY_BYTES,
    PrivateKey,
    PublicKey,
    parse_public_key,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile, WgQuickPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render, render_diff

from .._inventory.errors import Problems, list_names
from .._inventory.option_parsers import NETWORKS
from .._plan.preshared_keys import with_preshared_keys

_FILE_NAME = re.compile(r"[A-Za-z0-9_=+][A-Za-z0-9_=+.-]*")
_PENDING = re.compile(r"^# Not recorded yet, in place of (\S+)$", re.MULTILINE)
_NO_KEY = "[Interface]\n# The device's own private key belongs here, as: PrivateKey = ...\n"
_OWN = " (cryptokey.wireguard.clients)"
_HEADER = re.compile(rf"# .+ in (\S+?)(?:, until \S+)?{re.escape(_OWN)}$", re.MULTILINE)
_OPTIONS = ("addresses", "dns", "dns_search", "mtu")
# The device calls it what its file is called. What the file says does not depend on it.
_ANY_NAME = "wg0"


class Client(NamedTuple):
    """A client of a network. ``entry``: its part of the plan; ``device_key``: the public key that the inventory has."""

    network: str
    name: str
    entry: Mapping[str, Any]
    device_key: str | None

    @property
    def option(self) -> str:
        """How messages call it."""
        return f"{NETWORKS}.{self.network}.clients.{self.name}"

    @property
    def peers(self) -> list[str]:
        return [peer["name"] for peer in self.entry["peers"]]


class Work(NamedTuple):
    """A client with its keys; the private one is None where the device has it. ``made``: in this run.

    ``replaces``: the recorded public key whose place it takes, None where there is none or it is the same.
    ``preshared``: the peers with a preshared key that its file has for the present key pair.
    """

    client: Client
    private_key: PrivateKey | None
    public_key: PublicKey | None
    made: bool
    replaces: str | None = None
    preshared: tuple[WgQuickPeer, ...] = ()

    def planned(self, plan: Mapping[str, Any]) -> Work:
        """The same by another plan."""
        entry = plan["clients"][self.client.network][self.client.name]
        return self._replace(client=self.client._replace(entry=entry))

    def file(self, options: Mapping[str, Any]) -> WgQuickFile:
        """What the client's file says. ``options`` are the network's, for its preshared keys. Raises InputError.

        Where they say nothing of a pair, its host keeps the preshared key, and so does the file.
        """
        entry = self.client.entry
        public_key = str(self.public_key) if self.public_key else None
        given = {option: entry[option] for option in _OPTIONS if entry.get(option) is not None}
        peers = with_preshared_keys(entry["peers"], self.client.name, public_key, options, self.client.network)
        # What answers connections from outside is a hook for nftables: not for a phone.
        own = {"interface": _ANY_NAME, "peers": peers, "outside_replies": False}
        desired = parse_interface({**given, **own}, self.private_key)
        return overlay(desired, WgQuickFile(peers=self.preshared))

    def lost(self, file: WgQuickFile) -> list[str]:
        """The peers whose preshared key the file has no longer, as their public key changed."""
        names = {peer.name for peer in file.peers if peer.name and not peer.preshared_key}
        keys = {peer.public_key for peer in file.peers}
        return sorted(names.intersection(peer.name for peer in self.preshared if peer.public_key not in keys))


def choose_clients(
    plan: Mapping[str, Any], networks: Mapping[str, Any], names: Collection[str] | None, renew: Collection[str]
) -> tuple[list[Client], list[str]]:
    """The clients of these names, or all, that are right and not past their date; and a warning for each that is past.

    ``plan`` is the result of the action, ``networks`` the value of ``wireguard_networks``. Raises FleetError.
    """
    problems = Problems()
    found = [
        _client(network, name, entry, networks) for network, of in plan["clients"].items() for name, entry in of.items()
    ]
    known = Counter(client.name for client in found)
    refused = {(network, name) for network, of in plan["refused_clients"].items() for name in of}
    for name in sorted({*(names or ()), *renew} - set(known)):
        remedy = f"name one of {list_names(sorted(known))}" if known else "declare it in the clients of a network"
        problems.add("", "wireguard_client", name, "there is no such client", remedy)
    good = [client for client in found if (client.network, client.name) not in refused]
    # What has no address is no device of ours, such as a foreign server, unless it is named.
    chosen = [each for each in good if (each.entry["addresses"] if names is None else each.name in names)]
    valid = [client for client in chosen if not client.entry.get("expired")]
    for client in valid:
        if known[client.name] > 1:
            problem, remedy = (
                "a client of another network has this name too",
                "rename one of them, as each client has its own file",
            )
            problems.add("", client.option, None, problem, remedy)
        problems.catch("", partial(_check, client), None)
    problems.refuse()
    expired = [_expired(client) for client in chosen if client.entry.get("expired")]
    return valid, expired


def refused_clients(plan: Mapping[str, Any], names: Collection[str] | None) -> list[str]:
    """What is wrong with the clients of these names, or with any, each with its option."""
    return [
        text
        for of in plan["refused_clients"].values()
        for name, texts in of.items()
        if names is None or name in names
        for text in texts
    ]


def _client(network: str, name: str, entry: Mapping[str, Any], networks: Mapping[str, Any]) -> Client:
    options = (networks[network].get("clients") or {}).get(name) or {}
    return Client(network, name, entry, options.get("public_key") or None)


def _expired(client: Client) -> str:
    until = client.entry["valid_until"]
    return f"Client {client.name} of the network {client.network} is past its valid_until {until}: no file is written."


def _check(client: Client) -> None:
    """Raises InputError where there can be no file for it."""
    if not _FILE_NAME.fullmatch(client.name):
        raise InputError(client.option, None, "its name cannot be a file name", "use letters, digits or _=+.-")
    if not client.peers:
        problem = "no public key of its peers is known yet"
        raise InputError(client.option, None, problem, "run cryptokey.wireguard.site first, which creates their keys")


def prepare(client: Client, path: str, text: str, renew: bool) -> Work:
    """The client with its keys: what its file at ``path`` has, whose ``text`` may be empty, or else a new pair.

    Raises InputError where neither would be right, and ImportError where pynacl is missing.
    """
    try:
        file = parse(text, path)
    except InputError:
        if not renew:
            raise
        file = WgQuickFile()
    kept = file.private_key
    recorded = client.entry.get("public_key")
    # A run that was ended between writing and recording goes on.
    is_pending = bool(kept) and not renew and _PENDING.findall(text) == [recorded]
    kept, make = (kept, False) if is_pending else _choose_key(client, path, kept, renew)
    if make:
        kept = PrivateKey(os.urandom(KEY_BYTES))
    public = public_key_of(kept) if kept else parse_public_key(client.device_key or "", client.option)
    is_new = make or is_pending
    preshared = (
        ()
        if is_new
        else tuple(
            WgQuickPeer(peer.public_key, peer.name, peer.preshared_key) for peer in file.peers if peer.preshared_key
        )
    )
    return Work(client, kept, public, make, recorded if is_new else None, preshared)


def pending(work: Work, text: str) -> str:
    """The text of a file whose key is not recorded yet, by which the next run can tell it from a wrong file."""
    head, line, rest = text.partition("\n")
    return f"{head}{line}# Not recorded yet, in place of {work.replaces}\n{rest}" if work.replaces else text


def refuse_changed(work: Iterable[Work], paths: Mapping[str, str], changed: Iterable[Mapping[str, str]]) -> None:
    """Refuse keys in files that the plan does not take: ``changed`` are its ``changed_keys``. Raises FleetError."""
    clients = {(item.client.network, item.client.name): item.client for item in work}
    problems = Problems()
    for key in changed:
        client = clients.get((key["network"], key["host"]))
        if client is None:
            continue
        path = paths[client.name]
        problem = f"{path} has the public key {key['found']}, but the registry has {key['recorded']}"
        if key["left"]:
            problem = f"the key in {path}, of {key['owner']}, left the network on {key['left']}"
        remedy = (
            f"make a new one with -e wireguard_client_renew={client.name}, or accept this one with "
            "-e wireguard_accept_changed_keys=true"
        )
        problems.add("", client.option, None, problem, remedy)
    problems.refuse()


def network_of_file(text: str) -> str | None:
    """The network of the client whose file was written here, None for any other file."""
    found = _HEADER.match(text)
    return found[1] if found else None


def _choose_key(client: Client, path: str, kept: PrivateKey | None, renew: bool) -> tuple[PrivateKey | None, bool]:
    """The private key that stays, and whether one has to be made. ``kept`` is the one in the file."""
    public = str(public_key_of(kept)) if kept else None
    if client.device_key:
        if renew:
            problem = "its key is made on the device, as the inventory has its public_key"
            raise InputError(client.option, None, problem, "make a new key on the device, or remove public_key")
        # A key that was put into the file by hand is not taken out again.
        return (kept if public == client.device_key else None), False
    recorded = client.entry.get("public_key")
    if renew or not (kept or recorded):
        return None, True
    remedy = f"restore the right file, or make a new key with -e wireguard_client_renew={client.name}"
    if kept is None:
        problem = f"its private key was only in {path}, which has none now"
        raise InputError(client.option, None, problem, remedy)
    if recorded and public != recorded:
        problem = f"the private key in {path} does not match the recorded public key {recorded}"
        raise InputError(client.option, None, problem, remedy)
    return kept, False


def preshared_warning(work: Work, file: WgQuickFile) -> str:
    """What to say where a preshared key is lost that the other end may still have; empty where there is none."""
    names = work.lost(file)
    if not names:
        return ""
    network = f"{NETWORKS}.{work.client.network}"
    return (
        f"{work.client.option}: the public key of {list_names(names)} changed, and the file has no preshared key for "
        f"it any more, as {network} sets none. If the host still has one, no handshake succeeds: set preshared_secret "
        f"to off in {network}, and run cryptokey.wireguard.site and cryptokey.wireguard.clients."
    )


def header(client: Client) -> str:
    until = client.entry.get("valid_until")
    return f"# {client.name} in {client.network}" + (f", until {until}" if until else "") + _OWN


def render_client(client: Client, file: WgQuickFile) -> str:
    """The text, with the secrets in it, as wg-quick(8) and the WireGuard apps take it."""
    return _with_place(render(file, header=header(client)), file)


def show_change(client: Client, before: str, file: WgQuickFile) -> tuple[str, str]:
    """The texts before and after, for people's eyes, without the secrets."""
    try:
        kept = parse(before)
    except InputError:  # a broken one, which a new key replaces
        kept = WgQuickFile()
    old, new = render_diff(before, kept, file, header(client))
    return old, _with_place(new, file)


def _with_place(text: str, file: WgQuickFile) -> str:
    return text if file.private_key else text.replace("[Interface]\n", _NO_KEY, 1)
