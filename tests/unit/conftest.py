# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from hypothesis import settings

# No deadline: the tests also run on slow machines. Derandomised: the same commit gives the same result.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
