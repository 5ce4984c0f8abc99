# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens every page of the built documentation in a browser, as wide as a screen and as narrow as a phone."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

HTML = Path(__file__).parents[2] / "build/docs/html"
PAGES = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html"))
WIDTHS = (1280, 390)
SECONDS = 30

# Furo, docutils and Mermaid each mark what went wrong in their own way.
FAULTS = (
    ".error, .system-message, .problematic, .admonition.error, [aria-roledescription=error], .mermaid > .error-icon"
)
LOOK = f"""
const shown = [...document.querySelectorAll({json.dumps(FAULTS)})];
// Furo's error box is text that a style sheet adds.
const added = [...document.body.querySelectorAll("*")].flatMap(
    element => ["::before", "::after"].map(part => getComputedStyle(element, part).content.replace(/^"|"$/g, "")));
const text = [document.body.innerText, ...added].join("\\n");
const diagrams = [...document.querySelectorAll("pre.mermaid")].map(diagram => {{
    const box = diagram.querySelector("svg")?.getBoundingClientRect();
    return box ? Math.min(box.width, box.height) : 0;
}});
return {{
    faults: shown.map(element => element.innerText.slice(0, 200)),
    words: text.match(/^(ERROR|WARNING): .*$/gm) || [],
    diagrams: diagrams,
    links: [...document.querySelectorAll("a[href]")].map(link => link.href),
    anchors: [...document.querySelectorAll("[id]")].map(element => element.id),
    scrolls: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}};
"""
DRAWN = "return [...document.querySelectorAll('pre.mermaid')].every(each => each.querySelector('svg'))"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the built pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as driver:
        driver.set_page_load_timeout(SECONDS)
        yield driver


class Looks:
    """What was seen of each page, by width and name."""

    def __init__(self, browser: webdriver.Chrome, site: str) -> None:
        self.site = site
        self.seen = {(width, page): self._look(browser, width, page) for width in WIDTHS for page in PAGES}

    def _look(self, browser: webdriver.Chrome, width: int, page: str) -> dict[str, Any]:
        # A window cannot be as narrow as a phone; what it shows can.
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(self.site + page)
        WebDriverWait(browser, SECONDS).until(lambda driver: driver.execute_script(DRAWN))
        seen: dict[str, Any] = browser.execute_script(LOOK)
        seen["console"] = [entry["message"] for entry in browser.get_log("browser")]
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        seen["requests"] = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return seen


@pytest.fixture(scope="module")
def looks(browser: webdriver.Chrome, site: str) -> Looks:
    return Looks(browser, site)


def test_there_are_pages_and_diagrams(looks: Looks) -> None:
    assert {"index.html", "reference/interface_module.html", "reference/network_role.html"} <= set(PAGES)
    assert sum(len(seen["diagrams"]) for (width, _page), seen in looks.seen.items() if width == WIDTHS[0]) >= 3


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_it_should_be(looks: Looks, width: int, page: str) -> None:
    seen = looks.seen[width, page]
    assert (seen["faults"], seen["words"], seen["console"]) == ([], [], [])
    assert [url for url in seen["requests"] if not url.startswith((looks.site, "data:"))] == []
    assert [size for size in seen["diagrams"] if size < 50] == []
    assert seen["scrolls"] == 0


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(looks: Looks, page: str) -> None:
    """Those to other hosts are not followed."""
    broken = []
    for link in looks.seen[WIDTHS[0], page]["links"]:
        url, anchor = urldefrag(urljoin(looks.site + page, link))
        if not url.startswith(looks.site):
            continue
        name = url.removeprefix(looks.site) or "index.html"
        target = looks.seen.get((WIDTHS[0], name))
        missing = (
            not (HTML / unquote(name)).is_file()
            if target is None
            else anchor and unquote(anchor) not in target["anchors"]
        )
        if missing:
            broken.append(link)
    assert broken == []
