# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All causes, from the bottom up.

Each is a function that looks at a tunnel from one end, and finds the cause or not. The first one that is found is why
the tunnel is down; what depends on it is not looked for any more. The docstring of a function says what its finding
means: the guide has the same words.
"""

from __future__ import annotations

from .setup_causes import SETUP_CAUSES
from .traffic_causes import TRAFFIC_CAUSES

CAUSES = (*SETUP_CAUSES, *TRAFFIC_CAUSES)
