# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status page of 1,000 hosts costs: rendered on the controller, and opened in a browser.

The reference is the page of 500 hosts, twice. ``value`` is seconds of processor time; ``bytes`` the size of the file;
``interactive`` the seconds from the start of the navigation until headless Chromium has drawn the page and answers, and
``filter`` those from a key pressed in the search field to the filtered table. Run by itself, it prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import statistics
import tempfile
import time
from pathlib import Path

from selenium import webdriver

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.tests.page.browser import open_browser, open_page, seconds_until_ready
from ansible_collections.cryptokey.wireguard.tests.unit.status.documents import make_document

HOSTS = 1_000
RUNS = 5
_FILTER = """
const done = arguments[0], search = document.getElementById("search"), start = performance.now();
new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start))))
    .observe(document.getElementById("hits"), {childList: true});
search.value = "spoke7";
search.dispatchEvent(new Event("input", {bubbles: true}));
"""

Row = dict[str, float]


def rendering(count: int) -> float:
    document = make_document(count)
    times = []
    for _run in range(RUNS):
        gc.collect()
        start = time.process_time()
        render_page(document)
        times.append(time.process_time() - start)
    return statistics.median(times)


def opening(browser: webdriver.Chrome, page: Path) -> tuple[float, float]:
    """Seconds until the page is interactive, and until a filter shows."""
    ready, filtered = [], []
    for _run in range(RUNS):
        open_page(browser, page)
        ready.append(seconds_until_ready(browser))
        filtered.append(float(browser.execute_async_script(_FILTER)) / 1000)
    return statistics.median(ready), statistics.median(filtered)


def main() -> None:
    text = render_page(make_document(HOSTS))
    value, half = rendering(HOSTS), rendering(HOSTS // 2)
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        page = Path(folder, "status.html")
        page.write_text(text)
        interactive, filtered = opening(browser, page)
    row: Row = {
        "value": round(value, 3),
        "reference": round(2 * half, 3),
        "ratio": round(value / 2 / half, 3),
        "bytes": len(text.encode()),
        "interactive": round(interactive, 2),
        "filter": round(filtered, 2),
    }
    print(json.dumps({"status_page_1000": row}))


if __name__ == "__main__":
    main()
