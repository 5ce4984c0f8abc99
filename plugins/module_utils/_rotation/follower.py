# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A background process that moves allowed IPs to a peer's next key when the peer first uses that key.

A task takes seconds to start, and a host that has changed its key would be cut off for that time. This process looks
twenty times a second, or as often as a fifth of a processor allows. It ends after a time limit, when another one is
started for the same interface, or when there is nothing left to follow.

It reads without a lock. Before it changes anything it takes the interface's lock and reads again, since a run may be
between applying its state and verifying it.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .._host.zipapp import load_reachable
from .._model.errors import InputError
from .._model.interface import RunningDevice, RunningPeer
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.operations import SetPeer
from .._model.prefix import sort_prefixes
from .._netlink.errors import KernelError
from .._store.files import atomic_write, ensure_directory, read_file, remove_file
from .._store.lock import DIRECTORY, interface_lock
from .._wireguard.device import Device
from .key_transition import read_pair

SECONDS_MAX = 86400
_PAUSE = 0.05
_SHARE = 4
# What the kernel says of itself, not of the interface: the next look may succeed.
_PASSING = (errno.EINTR, errno.ENOBUFS, errno.ENOMEM, errno.EBUSY)


class Following(NamedTuple):
    """The peers to follow: ``next_keys`` maps key to next key. ``seconds`` limits the time."""

    interface: str
    device: Device
    next_keys: Mapping[PublicKey, PublicKey]
    seconds: float


def parse_following(options: Mapping[str, Any]) -> Following:
    """The options of ``follow``. Peers without a next key are of no interest. Raises InputError."""
    next_keys = dict(
        read_pair(entry, index) for index, entry in enumerate(options["peers"]) if entry.get("next_public_key")
    )
    seconds = options["seconds"]
    if not 1 <= seconds <= SECONDS_MAX:
        raise InputError("seconds", seconds, "out of range", f"give a number from 1 to {SECONDS_MAX}")
    interface = parse_interface_name(options["interface"])
    namespaces = (parse_netns(options.get(option), option) for option in ("netns", "birth_netns"))
    return Following(interface, Device(interface, *namespaces), next_keys, seconds)


def check_followed(following: Following) -> None:
    """Raises InputError where a key or a next key is no peer of the running interface, and KernelError."""
    device = following.device.read()
    for pair in following.next_keys.items():
        for key in pair:
            if key not in device.peers:
                problem, remedy = f"{following.interface} has no such peer", "bring the interface up to date first"
                raise InputError("peers", str(key), problem, remedy)


def start_following(following: Following, directory: str = DIRECTORY) -> None:
    """Start a process that outlives this one. It replaces an earlier one of the same interface.

    Handshakes with the peers are started first: a peer that has no endpoint for this host then learns one.
    Raises KernelError, InputError and OSError.
    """
    load_reachable(__name__)
    with interface_lock(following.interface, directory):
        peers = following.device.read().peers
        following.device.start_sessions([peers[key] for key in following.next_keys])
    token = os.urandom(16).hex().encode()
    path = turn_path(following.interface, directory)
    ensure_directory(directory, 0o700)
    atomic_write(path, token, 0o600)
    _detach(lambda: follow_on(following, lambda: _has_turn(path, token), directory))


def stop_following(interface: str, check_mode: bool, directory: str = DIRECTORY) -> bool:
    """Stop the process of this interface. Return whether one may have run. Raises InputError and OSError."""
    path = turn_path(interface, directory)
    return read_file(path) is not None if check_mode else remove_file(path)


def turn_path(interface: str, directory: str) -> str:
    return f"{directory}/{interface}.follow"


def _has_turn(path: str, token: bytes) -> bool:
    try:
        return Path(path).read_bytes() == token
    except OSError:
        return False


def follow(device: RunningDevice, next_keys: Mapping[PublicKey, PublicKey]) -> list[SetPeer]:
    """List the changes that move everything of a host to the key that it uses. ``next_keys``: key to next key.

    A prefix that is added to a peer moves there from the other one, and no packet is lost by that.
    """
    return [
        operation
        for pair in next_keys.items()
        if all(key in device.peers for key in pair)
        for operation in _move(*sorted((device.peers[key] for key in pair), key=lambda peer: peer.latest_handshake))
    ]


def _move(idle: RunningPeer, used: RunningPeer) -> Iterator[SetPeer]:
    if idle.latest_handshake == used.latest_handshake or not idle.allowed_ips:
        return
    yield SetPeer(
        used.public_key,
        persistent_keepalive=idle.persistent_keepalive,
        add=tuple(sort_prefixes(idle.allowed_ips)),
    )
    yield SetPeer(idle.public_key, persistent_keepalive=0)


def follow_on(following: Following, may_go_on: Callable[[], bool], directory: str = DIRECTORY) -> None:
    """Follow until one of the ends. Raises KernelError, such as when the interface is gone, and OSError."""
    end = time.monotonic() + following.seconds
    while may_go_on() and time.monotonic() <= end:
        used = time.process_time()
        try:
            if not _follow_once(following, may_go_on, directory):
                return
        except KernelError as error:
            if error.errno not in _PASSING:
                raise
        # By what it has used, not by how long it was kept waiting.
        time.sleep(max(_PAUSE, _SHARE * (time.process_time() - used)))


def _follow_once(following: Following, may_go_on: Callable[[], bool], directory: str) -> bool:
    """Whether anybody is left to follow."""
    device = following.device.read()
    if not any(device.peers.keys() >= {*pair} for pair in following.next_keys.items()):
        return False
    if follow(device, following.next_keys):
        # Another run may have the lock for longer. Then this one has another look first, and tries again.
        with suppress(InputError):
            _follow_locked(following, may_go_on, directory)
    return True


def _follow_locked(following: Following, may_go_on: Callable[[], bool], directory: str) -> None:
    with interface_lock(following.interface, directory):
        operations = follow(following.device.read(), following.next_keys)
        if operations and may_go_on():
            following.device.apply(operations)


def _detach(work: Callable[[], None]) -> None:
    """Run ``work`` in a child of init with no open files of this process: Ansible waits for the end of its output. All
    code must be loaded before, since Ansible removes the files when the module ends."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.chdir("/")
            os.closerange(0, os.sysconf("SC_OPEN_MAX"))
            for _standard in range(3):
                os.open(os.devnull, os.O_RDWR)
            work()
    except OSError:
        pass  # the interface is gone, and with it the peers that were followed
    finally:
        os._exit(0)
