# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change links through pyroute2, in the same way for all its versions."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._netlink.errors import KernelError

_NLM_F_EXCL = 0x200


class Routing:
    """One rtnetlink socket that writes. Every method raises KernelError."""

    def __init__(self) -> None:
        try:
            from pyroute2 import IPRoute
        # A version that does not support this Python may raise anything.
        except Exception as error:
            raise KernelError(errno.ELIBACC, "load pyroute2", f"{type(error).__name__}: {error}") from None
        with _doing("open a netlink socket"):
            self._ipr = IPRoute()
        _mend_deletions(self._ipr)

    def close(self) -> None:
        self._ipr.close()

    def create_link(self, interface: str, netns: int | None = None) -> None:
        """Create the link with its sockets in this namespace. Place it in the namespace of the descriptor, if given.

        The kernel does both in one step (drivers/net/wireguard/device.c, wg_newlink).
        """
        options = {} if netns is None else {"net_ns_fd": netns}
        with _doing(f"create interface {interface}"):
            self._ipr.link("add", ifname=interface, kind="wireguard", **options)

    def move_link(self, index: int, netns: int) -> None:
        """Move the link to the namespace of the descriptor."""
        with _doing("move the interface to another network namespace"):
            self._ipr.link("set", index=index, net_ns_fd=netns)

    def delete_link(self, index: int) -> None:
        with _doing("delete the interface"):
            self._ipr.link("del", index=index)

    def set_link(self, index: int, mtu: int | None, up: bool | None, alias: str | None = None) -> None:
        with _doing("set the link"):
            if alias is not None:
                self._ipr.link("set", index=index, ifalias=alias)
            if mtu is not None:
                self._ipr.link("set", index=index, mtu=mtu)
            if up is not None:
                self._ipr.link("set", index=index, state="up" if up else "down")


def _mend_deletions(ipr: Any) -> None:
    """Send deletions without NLM_F_EXCL, which pyroute2 0.5 sets.

    Since Linux 5.19 that bit is NLM_F_BULK in deletions, and refused (include/uapi/linux/netlink.h, pyroute2#899).
    """
    send = ipr.nlm_request

    def request(message: Any, msg_type: int, *arguments: Any, **options: Any) -> Any:
        # include/uapi/linux/rtnetlink.h: each object has four messages, and the second one deletes.
        if msg_type % 4 == 1 and "msg_flags" in options:
            options["msg_flags"] &= ~_NLM_F_EXCL
        return send(message, msg_type, *arguments, **options)

    ipr.nlm_request = request


@contextmanager
def _doing(what: str) -> Iterator[None]:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        raise KernelError(error.code, what) from None
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, what) from None
    # As KernelError, so that the previous state is restored as after a refusal by the kernel.
    except Exception as error:
        raise KernelError(errno.ELIBACC, what, f"pyroute2 fails with {type(error).__name__}: {error}") from None
