# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the status page that the guide shows: python tests/page/screenshot.py"""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

from PIL import Image

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.tests.page.browser import open_browser, open_page
from ansible_collections.cryptokey.wireguard.tests.unit.status.documents import (
    World,
    add_hub_and_spoke,
    add_sites,
    make_document,
)

TARGET = Path(__file__).parents[2] / "docs/guides/the-status-page.png"
WIDTH, HEIGHT = 1080, 1312
COLOURS = 96


def main() -> None:
    world = World()
    add_hub_and_spoke(world, "corp", 2, 14, 3)
    add_sites(world, "offices", ("berlin", "oslo", "lyon", "porto"))
    document = world.document(make_document(20)["changes"])
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        page = Path(folder, "status.html")
        page.write_text(render_page(document))
        open_page(browser, page, WIDTH)
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.quantize(COLOURS).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
