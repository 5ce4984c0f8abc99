# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that writes the metrics of a host, with its settings and its timer: where they are, and their texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

PROGRAM = "usr/local/libexec/cryptokey-wireguard-metrics"
SETTINGS = "var/lib/cryptokey-wireguard/metrics.json"
SERVICE = "etc/systemd/system/cryptokey-wireguard-metrics.service"
TIMER_UNIT = "cryptokey-wireguard-metrics.timer"
# What the program writes, below the directory of its settings.
WRITTEN = "cryptokey-wireguard.prom"
TIMER = f"etc/systemd/system/{TIMER_UNIT}"


class MetricsSetup(NamedTuple):
    """What a host should have, as the controller describes it: the texts of three files, the version of the program,
    and the directory to which it writes. All are empty on a host without metrics."""

    service: str = ""
    timer: str = ""
    settings: str = ""
    version: str = ""
    directory: str = ""

    @classmethod
    def read(cls, texts: Mapping[str, Any]) -> MetricsSetup:
        return cls(*(str(texts.get(name) or "") for name in cls._fields))

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its path below the root directory."""
        return {SERVICE: self.service, TIMER: self.timer, SETTINGS: self.settings}


NO_METRICS = MetricsSetup()


def render_metrics_settings(settings: Mapping[str, Any]) -> str:
    """The text of the settings, the same one on the controller and on the host."""
    return json.dumps(settings, indent=1, sort_keys=True) + "\n"
