# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a change provisional: record the state before it, and start the watchdog that restores it.

Every run loads this file, and few make a provisional change: the code for that is loaded only when it is needed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._converge.result import ConvergeError
from .._model.errors import InputError
from .._model.interface import DesiredInterface, PeerNames
from .._model.keys import PrivateKey, PublicKey
from .._model.state import RunningState
from .._netlink.rtnetlink import RouteNetlink
from .._options.arguments import AUTO, NEVER, parse_confirm_timeout
from .._store.private_key import default_path, find_private_key

if TYPE_CHECKING:
    from .record import Unconfirmed


class RollbackGuard:
    """Guards one change, if the options ask for that: the engine's ``Guard``.

    ``endpoints``: maps the state after the change to the endpoints to record. ``unconfirmed`` is None until the guard
    is armed.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        desired: DesiredInterface,
        with_dns: bool,
        endpoints: Callable[[RunningState], Mapping[PublicKey, str]],
    ) -> None:
        self._wanted = options.get("confirm") or NEVER
        self._timeout = parse_confirm_timeout(options)
        self._desired = desired
        self._key_file = options.get("private_key_file") or default_path(desired.interface)
        self._with_dns = with_dns
        self._endpoints = endpoints
        self.unconfirmed: Unconfirmed | None = None

    def arm(self, before: RunningState, after: RunningState, names: PeerNames) -> None:
        """Start the rollback's watchdog, if the change needs one.

        Raises ConvergeError after everything is removed again, and KernelError and OSError before anything is written.
        """
        if self._wanted == NEVER or (self._wanted == AUTO and not _concerns_connection(before, after)):
            return
        from . import rollback, watchdog
        from .record import record_change

        change = self._describe(before, after, names)
        try:
            watchdog.install(change, rollback.main)
            record_change(change)
            watchdog.check(change)
            # That may have taken long on a slow host: the time begins now.
            change = change.delayed(self._timeout)
            record_change(change)
            watchdog.start(change)
        except Exception as error:  # whatever it is, nothing may be left behind
            _abandon(change)
            problem = f"the watchdog for the rollback cannot be started: {error}. Nothing was changed."
            raise ConvergeError(f"{before.interface}: {problem}") from None
        self.unconfirmed = change

    def _describe(self, before: RunningState, after: RunningState, names: PeerNames) -> Unconfirmed:
        from .record import Unconfirmed, boot_id, clock
        from .watchdog import program_path, unit_name

        name = os.urandom(8).hex()
        return Unconfirmed(
            interface=before.interface,
            change=name,
            boot=boot_id(),
            armed_at=time.time(),
            deadline=clock() + self._timeout,
            before=before,
            key_file=self._key_file if _has_key(self._key_file, before.device.private_key) else "",
            names=names,
            netns=self._desired.netns,
            birth_netns=self._desired.birth_netns,
            with_dns=self._with_dns,
            endpoints=self._endpoints(after),
            program=program_path(name),
            unit=unit_name(name),
        )

    def disarm(self) -> None:
        """Cancel the rollback: the state before the change is already restored."""
        if self.unconfirmed:
            from .record import forget_change
            from .watchdog import WatchdogError, stop

            # The record first: without it, the watchdog does nothing.
            forget_change(self.unconfirmed.interface)
            with suppress(InputError, OSError, WatchdogError):
                stop(self.unconfirmed)
            self.unconfirmed = None


def _abandon(change: Unconfirmed) -> None:
    from .record import forget_change
    from .watchdog import WatchdogError, stop

    with suppress(InputError, OSError):
        forget_change(change.interface)
    with suppress(InputError, OSError, WatchdogError):
        stop(change)


def _has_key(path: str, private_key: PrivateKey | None) -> bool:
    with suppress(InputError, OSError):
        return private_key is not None and find_private_key(path) == private_key
    return False


def _concerns_connection(before: RunningState, after: RunningState) -> bool:
    from .ssh import find_connection, is_affected

    connection = find_connection()
    return connection is not None and is_affected(connection, before, after, _leaves_by)


def _leaves_by(host: str) -> str | None:
    with RouteNetlink() as netlink:
        route = netlink.route_to(host)
    with suppress(OSError):
        return socket.if_indextoname(route.oif) if route and route.oif else None
    return None
