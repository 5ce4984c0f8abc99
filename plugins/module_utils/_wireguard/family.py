# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set WireGuard devices over the ``wireguard`` netlink family."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .._model.interface import RunningPeer
from .._model.keys import KEY_BYTES, PublicKey
from .._model.operations import AddPeer, ClearPeers, RemovePeer, RemovePrefixes, SetDevice, SetPeer, WireGuardOperation
from .._model.prefix import sort_prefixes
from .._netlink.errors import KernelError
from .._netlink.generic import GenericNetlink
from .._netlink.namespace import in_netns
from . import codec
from .codec import DeviceChange, PeerChange
from .decode import DeviceDecoder


def apply_operations(
    interface: str, operations: Sequence[WireGuardOperation], birth: str = "", decoder: DeviceDecoder | None = None
) -> None:
    """Send the operations in as few messages as possible, each acknowledged.

    ``birth``: as for ``read_device``. ``decoder`` is given the records to expect for the new peers. Raises KernelError
    at the first refusal. Changes by earlier messages, and by earlier parts of the refused one, stay.
    """
    device = DeviceChange()
    for operation in operations:
        if isinstance(operation, SetDevice):
            device = device._replace(**operation._asdict())
        elif isinstance(operation, ClearPeers):
            device = device._replace(flags=codec.DEVICE_F_REPLACE_PEERS)
    doing = f"set {interface}: " + "; ".join(operation.describe() for operation in operations[:3])
    removals = [operation for operation in operations if isinstance(operation, RemovePrefixes)]
    with GenericNetlink(codec.FAMILY, codec.VERSION) as netlink, in_netns(birth):
        entries = _encode_changes(operations, decoder)

        def send(first: list[PeerChange]) -> None:
            for payload in codec.encode_set(interface, device, chain(codec.encode_peers(first), entries)):
                netlink.request(codec.CMD_SET_DEVICE, payload, doing)

        if not (removals and _knows_removal_flag(os.uname().release)):
            send(_drop_prefixes(removals))
            return
        try:
            send(_remove_prefixes(removals))
        except KernelError as error:
            # A kernel that does not know the flag answers this. Setting the same values again does no harm.
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            send(_drop_prefixes(removals))


def _knows_removal_flag(release: str) -> bool:
    """Whether a kernel of this release has the flag to remove a prefix from a peer (since Linux 6.16)."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (6, 16)


def _encode_changes(operations: Sequence[WireGuardOperation], decoder: DeviceDecoder | None) -> list[bytes]:
    """Encode the new peers, then the changed and removed ones, as entries of a set message."""
    from .bulk_add import encode_new_peers

    new = [operation.peer for operation in operations if isinstance(operation, AddPeer)]
    usual = [peer for peer in new if len(peer.allowed_ips) <= codec.PREFIXES_A_MESSAGE]
    entries, records = encode_new_peers(usual)
    if decoder:
        decoder.expect_peers(zip(records, usual))
    if len(usual) == len(operations):
        return entries
    large = [peer for peer in new if len(peer.allowed_ips) > codec.PREFIXES_A_MESSAGE]
    return [*entries, *codec.encode_peers([*map(_new_peer, large), *_peer_changes(operations)])]


def _new_peer(peer: RunningPeer) -> PeerChange:
    key, preshared_key, endpoint, allowed_ips, keepalive, *_counters = peer
    return PeerChange(key, 0, preshared_key or None, endpoint, keepalive or None, tuple(sort_prefixes(allowed_ips)))


def _peer_changes(operations: Iterable[WireGuardOperation]) -> Iterator[PeerChange]:
    for operation in operations:
        if isinstance(operation, RemovePeer):
            yield PeerChange(operation.public_key, codec.PEER_F_REMOVE_ME)
        elif isinstance(operation, SetPeer):
            key, _name, preshared_key, endpoint, keepalive, add = operation
            # A peer that was removed meanwhile must not be created again with these values only.
            yield PeerChange(key, codec.PEER_F_UPDATE_ONLY, preshared_key, endpoint, keepalive, add)


def _remove_prefixes(removals: Iterable[RemovePrefixes]) -> list[PeerChange]:
    return [
        PeerChange(removal.public_key, codec.PEER_F_UPDATE_ONLY, removed_ips=removal.prefixes) for removal in removals
    ]


def _drop_prefixes(removals: Sequence[RemovePrefixes]) -> list[PeerChange]:
    """Remove prefixes on kernels without the flag, and without packet loss.

    Replacing a peer's allowed_ips empties them for a moment, and its packets are dropped. Instead, the prefixes are
    added to a temporary peer, which the same message removes again. This affects no other peer.
    """
    if not removals:
        return []
    throwaway = PublicKey(os.urandom(KEY_BYTES))
    prefixes = tuple(prefix for removal in removals for prefix in removal.prefixes)
    return [PeerChange(throwaway, allowed_ips=prefixes), PeerChange(throwaway, codec.PEER_F_REMOVE_ME)]
