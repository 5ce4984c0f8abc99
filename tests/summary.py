# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds up the JUnit files that pytest wrote into a folder, as one plain line."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

total = failed = 0
for path in Path(sys.argv[1]).glob("*.xml"):
    for suite in ElementTree.parse(path).iter("testsuite"):
        count = {name: int(suite.get(name, 0)) for name in ("tests", "errors", "failures", "skipped")}
        failed += count["errors"] + count["failures"]
        total += count["tests"] - count["skipped"]
print(f"{total - failed} passed, {failed} failed")
