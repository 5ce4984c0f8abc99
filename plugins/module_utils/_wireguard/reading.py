# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read WireGuard devices over their own netlink family."""

from __future__ import annotations

from .._model.interface import RunningDevice
from .._netlink.generic import GenericNetlink
from . import codec
from .decode import DeviceDecoder


def open_wireguard() -> GenericNetlink:
    """Open a socket to the family, in the namespace of the calling thread. Raises KernelError."""
    return GenericNetlink(codec.FAMILY, codec.VERSION)


def read_device(interface: str, decoder: DeviceDecoder, birth: str = "") -> RunningDevice:
    """Read the device as ``dump_device`` does, with a socket of its own."""
    with open_wireguard() as netlink:
        return dump_device(netlink, interface, decoder, birth)


def dump_device(netlink: GenericNetlink, interface: str, decoder: DeviceDecoder, birth: str = "") -> RunningDevice:
    """Read the device with all peers. Endpoints' scopes are those of the namespace ``birth``. Raises KernelError."""
    doing = f"read the peers of {interface}"
    return decoder.decode(netlink.dump(codec.CMD_GET_DEVICE, codec.encode_name(interface), doing), birth)
