# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch an interface to its next key, without Ansible. On failure everything is restored.

A new private key does not end sessions at once. Packets from peers are still decrypted, and packets to them wait for a
handshake (drivers/net/wireguard/noise.c, wg_noise_expire_current_peer_keypairs). So a handshake is started right after.

The key is in three places: the running interface, the key file, and the file for the next boot. Disk space for the last
two is reserved first. An error says which key each of them has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from .._model.errors import InputError, tell
from .._model.interface import SESSION_SECONDS, DesiredPeer, RunningPeer
from .._model.keys import PresharedKey, PrivateKey, PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.operations import SetDevice, SetPeer
from .._model.packages import MissingLibrary
from .._netlink.namespace import has_link
from .._options.parser import check_peers, parse_peers
from .._options.sealed import open_peers
from .._options.values import parse_number
from .._provisional.pending import refuse_unconfirmed
from .._rotation.key_transition import split_peers
from .._store.files import again_when_changed, replace_file, stage_file, sweep, use_staged
from .._store.keyfile import read_keys, switch_keys, switch_keys_back
from .._store.lock import one_at_a_time
from .._store.private_key import default_path
from .._store.public_key import public_key_of
from .._store.reading import ChangedMeanwhile, FileContent, read_file
from .._wgquick.parse import decode, parse
from .._wgquick.render import encode_file, render
from .._wireguard.device import Device
from .config import MODE, config_path

_PAUSE = 0.02


class RekeyError(Exception):
    """The change of the key failed. The message says why, and which key is where. ``keys``: which key, by place."""

    def __init__(self, message: str, keys: Mapping[str, str]) -> None:
        super().__init__(message)
        self.keys = keys


class RekeyResult(NamedTuple):
    """``seconds``: from the change of the key to the handshake with each of the peers that were waited for, by name."""

    changed: bool
    public_key: PublicKey | None = None
    seconds: Mapping[str, float] = {}


class _Task(NamedTuple):
    """The options. ``names`` maps each key of a peer that must answer to the peer's name."""

    interface: str
    device: Device
    path: str
    config: str
    secrets: Mapping[PublicKey, PresharedKey]
    names: Mapping[PublicKey, str]
    timeout: int


@one_at_a_time
def rekey(options: Mapping[str, Any], check_mode: bool = False) -> RekeyResult:
    """Switch to the next key.

    Raises InputError, MissingLibrary and OSError if nothing was changed. Raises RekeyError if it failed later.
    """
    timeout = parse_number(options["timeout"], "timeout", 1, 60) or 0
    path = options.get("private_key_file") or default_path(parse_interface_name(options["interface"]))
    keys = read_keys(path)
    if keys.current is None or keys.next is None:
        return RekeyResult(False)
    refuse_unconfirmed(parse_interface_name(options["interface"]))
    if keys.old:
        problem = "its key rotation is not finished"
        raise InputError("interface", options["interface"], problem, "finish it first, with rotate.yml or site.yml")
    task = _parse(options, path, timeout, keys.next, check_mode)
    if check_mode:
        return RekeyResult(True, _public(keys.next))
    return _Rekey(task, keys.current, keys.next).run()


def _public(key: PrivateKey) -> PublicKey:
    try:
        return public_key_of(key)
    except ImportError as error:
        raise MissingLibrary(f"the Python library {error.name} is missing") from None


def _parse(options: Mapping[str, Any], path: str, timeout: int, private_key: PrivateKey, check_mode: bool) -> _Task:
    """Parse the options. Preshared keys are sealed for the next key of this host."""
    peers = parse_peers(list(split_peers(open_peers(options["peers"], private_key, check_mode), dict)))
    check_peers([peer._replace(allowed_ips=None) for peer in peers])
    awaited = options["answering"]
    known = {peer.name for peer in peers}
    for name in awaited:
        if name not in known:
            raise InputError("answering", name, "no peer has this name", "use a name from peers[].name")
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
        timeout,
    )


def _names(peers: Iterable[DesiredPeer], awaited: Collection[str]) -> dict[PublicKey, str]:
    return {peer.public_key: peer.name for peer in peers if peer.name in awaited and peer.name}


class _Staged(NamedTuple):
    """The file for the next boot as it was read, and what was written beside it to take its place."""

    old: FileContent
    data: bytes


class _Rekey:
    """One change of the key, and the way back."""

    def __init__(self, task: _Task, old_key: PrivateKey, private_key: PrivateKey) -> None:
        self._task = task
        self._old_key = old_key
        self._private_key = private_key
        self._before = task.device.read()
        self._staged: _Staged | None = None

    def run(self) -> RekeyResult:
        task = self._task
        public_key = _public(self._private_key)
        self._staged = self._stage()
        try:
            silent = self._await(lambda peer: time.time() - peer.latest_handshake < SESSION_SECONDS)[1]
            if silent:
                problem = f"{', '.join(silent)}: no handshake with the current key, so the next one cannot be tested"
                raise self._error(f"{problem}. Nothing was changed.")
            seconds = self._change()
        finally:
            if self._staged:
                # Gone already where all went well.
                with suppress(OSError, InputError):
                    sweep(task.config)
        return RekeyResult(True, public_key, seconds)

    def _change(self) -> dict[str, float]:
        """Change the key. Return the seconds from the change to the handshake of each peer."""
        since = time.time()
        try:
            switch_keys(self._task.path)
            self._set(self._private_key, self._task.secrets)
            times, silent = self._await(lambda peer: peer.latest_handshake >= since)
            problem = f"{', '.join(silent)}: no handshake with the next key" if silent else ""
            if not silent:
                self._persist()
        except Exception as error:  # after a bug of ours the old key must be restored, too
            problem = tell(error)
        if problem:
            raise self._error(f"{problem}. {self._go_back()}")
        return {name: at - since for name, at in times.items()}

    def _set(self, private_key: PrivateKey, secrets: Mapping[PublicKey, PresharedKey]) -> None:
        """The preshared keys first: a handshake that begins with the new key needs them."""
        device, there = self._task.device, self._before.peers
        device.apply([SetPeer(key, preshared_key=secret) for key, secret in secrets.items() if key in there])
        device.apply([SetDevice(private_key)])

    def _await(self, answers: Callable[[RunningPeer], bool]) -> tuple[dict[str, float], list[str]]:
        """Start handshakes and wait for the peers that must answer. Return when each one did, and the names of those
        that did not. The kernel itself retries after five seconds."""
        device = self._task.device
        device.start_sessions(device.read().peers.values())
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

    def _stage(self) -> _Staged | None:
        """Reserve the room for the file for the next boot; None where there is no such file. Raises InputError and
        OSError."""
        content = read_file(self._task.config)
        if content is None:
            return None
        staged = _Staged(content, self._startup(content, self._private_key, self._task.secrets))
        stage_file(self._task.config, staged.data, MODE)
        return staged

    def _startup(
        self, content: FileContent, private_key: PrivateKey, secrets: Mapping[PublicKey, PresharedKey]
    ) -> bytes:
        """What the file for the next boot should say. Raises InputError."""
        file = parse(decode(content.data), self._task.config)
        peers = (peer._replace(preshared_key=secrets.get(peer.public_key, peer.preshared_key)) for peer in file.peers)
        return encode_file(render(replace(file, private_key=private_key, peers=tuple(peers))))

    def _persist(self) -> None:
        """Raises InputError and OSError."""
        try:
            if self._staged:
                use_staged(self._task.config, *self._staged)
                return
        except ChangedMeanwhile:
            pass
        # Another run has written the file. What it wrote is kept, if there is room for that.
        self._write_startup(self._private_key, self._task.secrets)

    @again_when_changed
    def _write_startup(self, private_key: PrivateKey, secrets: Mapping[PublicKey, PresharedKey]) -> None:
        content = read_file(self._task.config)
        if content is not None:
            data = self._startup(content, private_key, secrets)
            if data != content.data:
                replace_file(self._task.config, content, data, MODE)

    def _go_back(self) -> str:
        """Restore the old key in all places, and describe the result. A failure in one place does not stop the rest."""
        problems = [
            *_problems(self._key_file_back),
            *_problems(lambda: self._set(self._old_key, self._old_secrets)),
            *_problems(self._startup_back),
        ]
        if problems:
            return f"Restoring the old key failed, too: {'; '.join(problems)}."
        since = time.time()
        try:
            silent = self._await(lambda peer: peer.latest_handshake >= since)[1]
        except Exception as error:
            return f"It is not known whether the peers answer to the old key: {tell(error)}."
        if silent:
            return f"The old key is in use again, but {', '.join(silent)} did not answer to it either."
        return "The old key is in use again, and all peers have answered to it."

    @property
    def _old_secrets(self) -> dict[PublicKey, PresharedKey]:
        return {key: peer.preshared_key for key, peer in self._before.peers.items()}

    def _key_file_back(self) -> None:
        if read_keys(self._task.path).current != self._old_key:
            switch_keys_back(self._task.path)

    @again_when_changed
    def _startup_back(self) -> None:
        content = read_file(self._task.config)
        if content and self._staged and content.data == self._staged.data:
            replace_file(self._task.config, content, self._staged.old.data, MODE)
        elif self._name_of(self._startup_key()) == "next":
            self._write_startup(self._old_key, self._old_secrets)

    def _error(self, problem: str) -> RekeyError:
        """Make the error. Read which key is in each place now, and say so after the problem."""
        task = self._task
        reads: list[tuple[str, str, Callable[[], PrivateKey | None]]] = [
            ("running", "the running interface", lambda: task.device.read().private_key),
            ("private_key_file", task.path, lambda: read_keys(task.path).current),
        ]
        if self._staged:
            reads.append(("path", task.config, self._startup_key))
        keys = {name: self._look(read) for name, _place, read in reads}
        if len({*keys.values()}) == 1:
            said = f"{_SAID[keys['running']]} is in {', '.join(place for _name, place, _read in reads)}."
        else:
            said = "; ".join(f"{_SAID[keys[name]]} is in {place}" for name, place, _read in reads)
            said += f". Run site.yml for this host to use the key in {task.path} everywhere."
        return RekeyError(f"{task.interface}: {problem} {said[0].upper()}{said[1:]}", keys)

    def _startup_key(self) -> PrivateKey | None:
        content = read_file(self._task.config)
        return parse(decode(content.data), self._task.config).private_key if content else None

    def _look(self, read: Callable[[], PrivateKey | None]) -> str:
        try:
            return self._name_of(read())
        except Exception:
            return "unknown"

    def _name_of(self, key: PrivateKey | None) -> str:
        names = {self._old_key: "old", self._private_key: "next", None: "none"}
        return names.get(key, "another")


_SAID = {
    "old": "the old key",
    "next": "the next key",
    "none": "no key",
    "another": "another key",
    "unknown": "a key that cannot be read",
}


def _problems(step: Callable[[], None]) -> Iterator[str]:
    try:
        step()
    except Exception as error:
        yield tell(error)
