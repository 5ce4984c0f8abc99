# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``rekey`` does on a host, without Ansible: the next key takes its place, or all is as it was.

A new private key ends no session at once: what the peers send is still read, and what is to be sent to them waits for a
handshake (drivers/net/wireguard/noise.c, wg_noise_expire_current_peer_keypairs). So it is begun here, right after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ._converge.aim import SESSION_SECONDS
from ._converge.operations import SetDevice, SetPeer
from ._distribution import MissingLibrary
from ._files import atomic_write, read_file
from ._kernel.device import Device
from ._kernel.errors import KernelError
from ._kernel.namespace import has_link
from ._keyfile import default_path, public_key_of, read_keys, switch_keys, switch_keys_back
from ._lock import one_at_a_time
from ._model.errors import InputError
from ._model.interface import DesiredPeer, RunningPeer
from ._model.keys import PresharedKey, PrivateKey, PublicKey
from ._model.names import parse_interface_name, parse_netns
from ._model.options import check_peers, parse_peers
from ._sealed import open_peers
from ._startup import MODE, config_path
from ._successors import split_peers
from ._wgquick.parse import decode, parse
from ._wgquick.render import encode, render

_PAUSE = 0.02


class RekeyError(Exception):
    """The key was not changed; the message says why, and what runs now."""


class Outcome(NamedTuple):
    """``seconds``: from the change of the key to the handshake with each of the peers that were waited for, by name."""

    changed: bool
    public_key: PublicKey | None = None
    seconds: Mapping[str, float] = {}


class _Task(NamedTuple):
    """What is asked for. ``names`` has each key of a peer that has to answer to that peer's name."""

    interface: str
    device: Device
    path: str
    config: str
    secrets: Mapping[PublicKey, PresharedKey]
    names: Mapping[PublicKey, str]
    timeout: float


@one_at_a_time
def rekey(options: Mapping[str, Any], check_mode: bool = False) -> Outcome:
    """Raises InputError and RekeyError when the old key is in use as before, MissingLibrary and OSError."""
    path = options.get("private_key_file") or default_path(parse_interface_name(options["interface"]))
    keys = read_keys(path)
    if keys.current is None or keys.next is None:
        return Outcome(False)
    if keys.old:
        problem = "a switch of its key is not settled"
        raise InputError("interface", options["interface"], problem, "finish it first, with rotate.yml or site.yml")
    task = _parse(options, path, keys.next, check_mode)
    if check_mode:
        return Outcome(True, _public(keys.next))
    return _Rekey(task, keys.current, keys.next).run()


def _public(key: PrivateKey) -> PublicKey:
    try:
        return public_key_of(key)
    except ImportError as error:
        raise MissingLibrary(f"the Python library {error.name} is missing") from None


def _parse(options: Mapping[str, Any], path: str, private_key: PrivateKey, check_mode: bool) -> _Task:
    """What is sealed to this host is sealed to its next key."""
    peers = parse_peers(list(split_peers(open_peers(options["peers"], private_key, check_mode), dict)))
    check_peers([peer._replace(allowed_ips=None) for peer in peers])
    awaited = options["answering"]
    known = {peer.name for peer in peers}
    for name in awaited:
        if name not in known:
            raise InputError("answering", name, "no peer has this name", "name peers as in peers[].name")
    interface, netns = parse_interface_name(options["interface"]), parse_netns(options.get("netns"), "netns")
    if not has_link(netns, interface):
        raise InputError("interface", interface, "there is no such interface", "bring it up first")
    return _Task(
        interface,
        Device(interface, netns, parse_netns(options.get("birth_netns"), "birth_netns")),
        path,
        config_path({"interface": options["interface"], "path": options.get("path")}),
        {peer.public_key: peer.preshared_key for peer in peers if peer.preshared_key is not None},
        _names(peers, awaited),
        options["timeout"],
    )


def _names(peers: Iterable[DesiredPeer], awaited: Collection[str]) -> dict[PublicKey, str]:
    return {peer.public_key: peer.name for peer in peers if peer.name in awaited and peer.name}


class _Rekey:
    """One change of the key, and the way back."""

    def __init__(self, task: _Task, old_key: PrivateKey, private_key: PrivateKey) -> None:
        self._task = task
        self._old_key = old_key
        self._private_key = private_key
        self._before = task.device.read()

    def run(self) -> Outcome:
        task = self._task
        text = self._startup()
        silent = self._await(lambda peer: time.time() - peer.latest_handshake < SESSION_SECONDS)[1]
        if silent:
            problem = f"{', '.join(silent)}: no handshake with the present key, so that the next could not be proved"
            raise RekeyError(f"{task.interface}: {problem}. Nothing was changed.")
        switch_keys(task.path)
        since = time.time()
        try:
            self._set(self._private_key, task.secrets)
            seconds, silent = self._await(lambda peer: peer.latest_handshake >= since)
            problem = f"{', '.join(silent)}: no handshake with the next key"
        except KernelError as error:
            seconds, silent, problem = {}, ["the kernel"], str(error)
        if silent:
            raise RekeyError(f"{task.interface}: {problem}. {self._go_back()}")
        if text is not None:
            atomic_write(task.config, encode(text), MODE)
        return Outcome(True, _public(self._private_key), {name: at - since for name, at in seconds.items()})

    def _set(self, private_key: PrivateKey, secrets: Mapping[PublicKey, PresharedKey]) -> None:
        """The preshared keys first: a handshake that begins with the new key needs them."""
        device, there = self._task.device, self._before.peers
        device.apply([SetPeer(key, preshared_key=secret) for key, secret in secrets.items() if key in there])
        device.apply([SetDevice(private_key)])

    def _await(self, answers: Callable[[RunningPeer], bool]) -> tuple[dict[str, float], list[str]]:
        """Call the peers and wait for those that have to answer; when each one did, and the names of those that did
        not. The kernel itself calls again whoever does not answer, after five seconds."""
        device = self._task.device
        device.call(device.read().peers.values())
        end = time.monotonic() + self._task.timeout
        while True:
            peers = device.read().peers
            found = {
                name: peers[key].latest_handshake
                for key, name in self._task.names.items()
                if key in peers and answers(peers[key])
            }
            silent = sorted({*self._task.names.values()} - found.keys())
            if not silent or time.monotonic() > end:
                return found, silent
            time.sleep(_PAUSE)

    def _startup(self) -> str | None:
        """What the file for the next boot is to say; None where there is none. Raises InputError."""
        content = read_file(self._task.config)
        if content is None:
            return None
        file = parse(decode(content.data), self._task.config)
        secrets = self._task.secrets
        peers = (peer._replace(preshared_key=secrets.get(peer.public_key, peer.preshared_key)) for peer in file.peers)
        return render(replace(file, private_key=self._private_key, peers=tuple(peers)))

    def _go_back(self) -> str:
        """Put the old key back and say how that went."""
        switch_keys_back(self._task.path)
        since = time.time()
        try:
            self._set(self._old_key, {key: peer.preshared_key for key, peer in self._before.peers.items()})
            silent = self._await(lambda peer: peer.latest_handshake >= since)[1]
        except KernelError as error:
            return f"Going back failed as well: {error}"
        if silent:
            return f"The old key is in use again, but {', '.join(silent)} did not answer to it either."
        return "The old key is in use again, and all have answered to it."
