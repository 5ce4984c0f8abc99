# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove an interface: ``interface`` with ``state=absent``, without Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._converge.engine import remove
from .._converge.result import ConvergeError, ConvergeResult
from .._host.dns import FoundNameServers
from .._model.names import parse_interface_name, parse_netns
from .._netlink.namespace import has_link
from .._provisional.pending import refuse_unconfirmed
from .._store.endpoints import forget_endpoints
from .._store.last_netns import load_last_netns, record_last_netns
from .._store.lock import one_at_a_time
from .applying import Unguarded
from .running import open_kernel


@one_at_a_time
def ensure_absent(options: Mapping[str, Any], check_mode: bool) -> ConvergeResult:
    """Remove the interface from its namespace, or from its last one. Raises as ``ensure_present``.

    The interface is removed even if its name servers or netfilter table cannot be. Then ConvergeError is raised.
    """
    interface = parse_interface_name(options["interface"])
    refuse_unconfirmed(interface)
    netns = parse_netns(options.get("netns"), "netns")
    if not has_link(netns, interface) and has_link(load_last_netns(interface), interface):
        netns = load_last_netns(interface)
    kernel = open_kernel(interface, check_mode, netns, "", FoundNameServers())
    removal = remove(interface, kernel, check_mode, Unguarded(""))
    if not check_mode:
        forget_endpoints(interface)
        record_last_netns(interface, "")
    if removal.problem:
        known = "would be removed anyway" if check_mode else "is removed anyway"
        raise ConvergeError(
            f"{interface}: some of its parts cannot be removed: {removal.problem}. The interface itself {known}. "
            "Fix this and run again"
        )
    return removal
