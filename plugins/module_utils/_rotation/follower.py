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
import json
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
from .._model.keys import PublicKey, parse_peer_key
from .._model.names import parse_interface_name, parse_netns
from .._model.operations import SetPeer
from .._model.prefix import sort_prefixes
from .._netlink.errors import KernelError
from .._store.files import atomic_write, ensure_directory, remove_file
from .._store.lock import DIRECTORY, interface_lock
from .._wireguard.device import Device

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
    namespaces: tuple[str, str] = ("", "")


def parse_following(options: Mapping[str, Any]) -> Following:
    """Read the options of ``_follow``. Raises InputError."""
    next_keys = dict(_read_keys(*pair) for pair in options["next_public_keys"].items())
    seconds = options["seconds"]
    if not 1 <= seconds <= SECONDS_MAX:
        raise InputError("seconds", seconds, "out of range", f"give a number from 1 to {SECONDS_MAX}")
    interface = parse_interface_name(options["interface"])
    namespaces = parse_netns(options.get("netns"), "netns"), parse_netns(options.get("birth_netns"), "birth_netns")
    return Following(interface, Device(interface, *namespaces), next_keys, seconds, namespaces)


def _read_keys(present: str, next_key: str) -> tuple[PublicKey, PublicKey]:
    path = f"next_public_keys[{present}]"
    return parse_peer_key(present, path), parse_peer_key(next_key, path)


def check_followed(following: Following) -> None:
    """Raises InputError where a key or a next key is no peer of the running interface, and KernelError."""
    device = following.device.read()
    for pair in following.next_keys.items():
        for key in pair:
            if key not in device.peers:
                problem, remedy = f"{following.interface} has no such peer", "update the interface first"
                raise InputError("next_public_keys", str(key), problem, remedy)


def start_following(following: Following, directory: str = DIRECTORY) -> None:
    """Start a process that outlives this one. It replaces an earlier one of the same interface.

    Handshakes with the peers are started first: a peer that has no endpoint for this host then learns one.
    Raises KernelError, InputError and OSError.
    """
    load_reachable(__name__)
    with interface_lock(following.interface, directory):
        peers = following.device.read().peers
        following.device.start_sessions([peers[key] for key in following.next_keys])
    turn = _Turn(os.urandom(16).hex(), time.monotonic() + following.seconds, _describe(following))
    path = turn_path(following.interface, directory)
    ensure_directory(directory, 0o700)
    atomic_write(path, json.dumps(turn).encode(), 0o600)

    def work() -> None:
        try:
            follow_on(following, lambda: _read_turn(path) == turn, directory)
        finally:
            with suppress(InputError), interface_lock(following.interface, directory):
                if _read_turn(path) == turn:
                    remove_file(path)

    _detach(work)


def is_followed(following: Following, directory: str = DIRECTORY) -> bool:
    """Return whether a process follows the same peers now."""
    turn = _read_turn(turn_path(following.interface, directory))
    return turn is not None and turn.is_current and turn.followed == _describe(following)


def stop_following(interface: str, check_mode: bool, directory: str = DIRECTORY) -> bool:
    """Stop the process of this interface. Return whether one was running. Raises InputError and OSError."""
    path = turn_path(interface, directory)
    turn = _read_turn(path)
    if not check_mode:
        remove_file(path)
    return turn is not None and turn.is_current


class _Turn(NamedTuple):
    """Whose turn it is to follow: a random token, the end in seconds of the monotonic clock, and what is followed."""

    token: str
    end: float
    followed: list[str]

    @property
    def is_current(self) -> bool:
        return time.monotonic() < self.end


def _describe(following: Following) -> list[str]:
    pairs = sorted(following.next_keys.items())
    return [*following.namespaces, *(f"{present} {successor}" for present, successor in pairs)]


def turn_path(interface: str, directory: str) -> str:
    return f"{directory}/{interface}.follow"


def _read_turn(path: str) -> _Turn | None:
    """None where no file says whose turn it is."""
    try:
        return _Turn(*json.loads(Path(path).read_bytes()))
    except (OSError, TypeError, ValueError):
        return None


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
