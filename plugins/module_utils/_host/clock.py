# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether the host's clock is plausible: the age of handshakes depends on it.

A handshake carries a timestamp, and a peer ignores one that is older than the newest it has received (WireGuard
whitepaper, section 5.1). After a host's clock went back, peers ignore it until the clock has caught up.
"""

from __future__ import annotations

import datetime

# A correct clock shows a time after this was written, and not long after its last use.
_FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
_LAST = datetime.datetime(2060, 1, 1, tzinfo=datetime.timezone.utc).timestamp()


def is_plausible(now: float) -> bool:
    """Whether the time can be correct. ``now``: seconds since 1970."""
    return _FIRST <= now < _LAST


def clock_warning(now: float) -> str:
    shown = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"The clock of this host is wrong: it says {shown}. Peers refuse handshakes that are older than the last one, "
        "so tunnels may not come up. Dead peers cannot be detected, so learned endpoints were left unchanged. "
        "Set the clock, preferably by NTP (timedatectl set-ntp true), and run again."
    )
