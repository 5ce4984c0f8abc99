# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read all interfaces of the host, and write their metrics. What cannot be read is left out and told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .._host.netfilter import read_counter
from .._host.reader import SharedSockets, Sockets, open_sockets
from .._model.errors import InputError, tell
from .._model.interface import RunningDevice
from .._model.metrics import WRITTEN
from .._netlink.namespace import netns_exists
from .._netlink.rtnetlink import KernelLink
from .._store.converged import load_converged
from .._store.lock import directory_lock, interface_lock
from .._store.private_key import default_path
from .._wireguard.decode import DeviceDecoder
from .._wireguard.reading import dump_device
from .drift import find_drift
from .exposition import (
    CLIENT_VALID,
    DENIED,
    DEVICE_INFO,
    DRIFT,
    KEY_AGE,
    LAST_CONVERGE,
    SECONDS,
    SUCCESS,
    Exposition,
)
from .fingerprint import state_identity, tables_identity
from .memory import load_memory, save_memory
from .peers import PeerGroups, add_peers, group_peers, label_pieces
from .settings import MetricsSettings, WatchedInterface
from .startup_files import StartupFiles

# A run changes an interface in less. What differs then is looked at again.
_LOCK_SECONDS = 5.0
_READABLE = 0o644


class Collection:
    """One collection of the metrics of all interfaces. ``problems``: what could not be read, in words."""

    def __init__(self, settings: MetricsSettings) -> None:
        self.exposition = Exposition()
        self.problems: list[str] = []
        self._settings = settings

    def run(self) -> None:
        start = time.perf_counter()
        with SharedSockets() as shared:
            for watched in self._settings.interfaces:
                with self.told(watched.interface):
                    _Interface(self, watched, shared).collect()
        self.exposition.add(SECONDS, round(time.perf_counter() - start, 3))
        self.exposition.add(SUCCESS, int(not self.problems))

    @contextmanager
    def told(self, interface: str) -> Iterator[None]:
        """Keep a failure of one part from the others."""
        try:
            yield
        except (ImportError, InputError, OSError, ValueError) as error:
            self.problems.append(f"{interface}: {tell(error)}")


class _Found(NamedTuple):
    """What the kernel has of an interface. ``device`` is None where there is none of that name."""

    link: KernelLink | None
    device: RunningDevice | None = None
    groups: PeerGroups = PeerGroups([], [])


class _Interface:
    """What is read of one interface. Each part that fails leaves the others alone."""

    def __init__(self, whole: Collection, watched: WatchedInterface, shared: SharedSockets) -> None:
        self._whole = whole
        self._exposition = whole.exposition
        self._watched = watched
        self._name = watched.interface
        self._shared = shared
        self._files = StartupFiles(watched.interface)
        self._memory = load_memory(watched.interface)
        self._new = self._memory
        self._now = time.time()

    def collect(self) -> None:
        with self._whole.told(self._name):
            self._add_times()
        if not netns_exists(self._watched.netns):
            self._add_drift(None, "")
            return
        with open_sockets(self._watched.netns, self._shared) as sockets:
            found = self._read(sockets)
            if found.device:
                self._add_device(found.device)
                self._add_peers(found.groups, f"{found.groups.identity} {self._files.identity}")
            with self._whole.told(self._name):
                self._add_denied(sockets)
            with self._whole.told(self._name):
                self._add_drift(sockets, self._identify(sockets, found, self._files))
        if self._new != self._memory:
            save_memory(self._name, self._new)

    def _read(self, sockets: Sockets) -> _Found:
        link = sockets.routes.link(self._name)
        if link is None or link.kind != "wireguard":
            return _Found(link)
        device = dump_device(sockets.wireguard, self._name, DeviceDecoder(), self._watched.birth_netns)
        return _Found(link, device, group_peers(device.peers))

    def _add_times(self) -> None:
        add, name = self._exposition.add, self._name
        for client, end in sorted(self._watched.clients.items()):
            add(CLIENT_VALID, end - int(self._now), interface=name, client=client)
        converged = load_converged(name)
        if converged is not None:
            add(LAST_CONVERGE, converged, interface=name)
        key = Path(str(self._watched.options.get("private_key_file") or default_path(name)))
        if key.exists():
            add(KEY_AGE, max(0, int(self._now - key.stat().st_mtime)), interface=name)

    def _add_device(self, device: RunningDevice) -> None:
        labels = {"interface": self._name, "public_key": str(device.public_key or "")}
        self._exposition.add(DEVICE_INFO, 1, **labels, listen_port=str(device.listen_port))

    def _add_peers(self, groups: PeerGroups, identity: str) -> None:
        if self._memory.labels_of != identity:
            names: dict[str, str] = {}
            with self._whole.told(self._name):
                names = self._files.names
            others = {str(peer.public_key) for peer in groups.others}
            self._new = self._new._replace(
                labels_of=identity,
                labels=label_pieces(groups, self._name, names),
                names={key: name for key, name in names.items() if key in others},
            )
        add_peers(self._exposition, groups, self._new.labels, self._name, self._new.names, self._now)

    def _add_denied(self, sockets: Sockets) -> None:
        denied = read_counter(sockets.netfilter, self._name, "denied") if sockets.netfilter else None
        if denied is not None:
            self._exposition.add(DENIED, denied, interface=self._name)

    def _identify(self, sockets: Sockets, found: _Found, files: StartupFiles) -> str:
        """The identity of all that is compared. The same one has the same operations."""
        stamp, table = tables_identity(sockets, self._name, self._memory)
        self._new = self._new._replace(stamp=stamp, table=table)
        known = f"{found.groups.identity} {files.identity} {table}"
        return state_identity(self._watched, sockets, found.link, found.device, known)

    def _add_drift(self, sockets: Sockets | None, state: str) -> None:
        if not state or state != self._memory.state:
            operations = find_drift(self._watched, self._files)
            if operations:
                # Perhaps a run is changing it just now. What it leaves behind is looked at once it has finished.
                with interface_lock(self._name, seconds=_LOCK_SECONDS):
                    operations = find_drift(self._watched, StartupFiles(self._name))
            # Remembered only if nothing was changed meanwhile: the operations could belong to another state.
            still = sockets and self._identify(sockets, self._read(sockets), StartupFiles(self._name))
            self._new = self._new._replace(state=state if state == still else "", operations=operations)
        self._exposition.add(DRIFT, len(self._new.operations), interface=self._name)


def write_metrics(directory: str, text: Iterable[bytes]) -> None:
    """Replace the file as a whole: node_exporter reads either the old or the new one. Raises InputError and OSError.

    People may run the program while the timer does. They write one after the other.
    """
    path = Path(directory, WRITTEN)
    # Its name does not end in .prom. It may be left over by a run that was killed.
    temporary = path.with_suffix(".new")
    with directory_lock(directory, path.parent.stat()):
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(text)
            os.fchmod(descriptor, _READABLE)
        temporary.replace(path)


def try_directory(directory: str) -> None:
    """Show that the file can be written there. Raises OSError."""
    path = Path(directory, WRITTEN).with_suffix(".check")
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.unlink()
