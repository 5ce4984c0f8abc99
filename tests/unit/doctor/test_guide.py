# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide explains every finding, in the order in which they are looked for."""

from __future__ import annotations

import re

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.causes import CAUSES
from ansible_collections.cryptokey.wireguard.tests.unit.docs.pages import DOCS


def test_the_guide_has_each_finding_with_its_meaning() -> None:
    text = (DOCS / "guides/finding-out-why-a-tunnel-is-down.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .{10,} \|$", text.partition("## Findings")[2], re.MULTILINE)
    assert rows == [(cause.code, " ".join((cause.find.__doc__ or "").split())) for cause in CAUSES]
