# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generic netlink: families that are found by name (include/uapi/linux/genetlink.h)."""

from __future__ import annotations

import errno
import struct

from .attributes import decode_attributes, encode_attribute
from .errors import KernelError
from .netlink import Netlink

_NETLINK_GENERIC = 16
_GENL_HEADER = struct.Struct("=BBH")
_U16 = struct.Struct("=H")
_GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_ID, _CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2


class GenericNetlink(Netlink):
    """One socket to one generic netlink family. Commands are used in place of message types."""

    def __init__(self, family: str, version: int) -> None:
        super().__init__(_NETLINK_GENERIC)
        self._version = version
        self._family = _GENL_ID_CTRL
        try:
            self._family = self._resolve(family)
        except BaseException:
            self.close()
            raise

    def _exchange(self, kind: int, payload: bytes, flags: int, doing: str) -> tuple[list[bytes], bool]:
        header = _GENL_HEADER.pack(kind, self._version, 0)
        replies, interrupted = super()._exchange(self._family, header + payload, flags, doing)
        return [reply[_GENL_HEADER.size :] for reply in replies], interrupted

    def _resolve(self, family: str) -> int:
        name = encode_attribute(_CTRL_ATTR_FAMILY_NAME, family.encode() + b"\0")
        doing = f"look up netlink family {family}"
        try:
            replies = self.request(_CTRL_CMD_GETFAMILY, name, doing)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                raise KernelError(errno.EOPNOTSUPP, doing) from None
            raise
        for reply in replies:
            for kind, start, end in decode_attributes(reply, 0, len(reply)):
                if kind == _CTRL_ATTR_FAMILY_ID:
                    return int(_U16.unpack(reply[start:end])[0])
        raise KernelError(errno.EOPNOTSUPP, doing)
