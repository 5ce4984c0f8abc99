# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens every page of the built documentation in a browser, as wide as a screen and as narrow as a phone."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
HTML = ROOT / "build/docs/html"
PAGES = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html"))
WIDTHS = (1280, 390)
SECONDS = 30
# Sphinx and antsibull-docs make these, and no page links to them.
UNLINKED = {"genindex.html", "search.html", "index.html", "reference/environment_variables.html"}

# Furo, docutils and Mermaid each mark what went wrong in their own way.
FAULTS = (
    ".error, .warning, .danger, .system-message, .problematic, [aria-roledescription=error], .mermaid > .error-icon"
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
// Only what scrolls by itself may be wider than the page.
const scrolls = element => element && (
    ["auto", "scroll"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
const article = document.querySelector("article") ?? document.body;
const wide = [...article.querySelectorAll("p, li, table, pre, svg, h1, h2, h3, code")].filter(
    element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !scrolls(element));
return {{
    faults: shown.map(element => element.innerText.slice(0, 200)),
    words: text.match(/^(ERROR|WARNING): .*$/gm) || [],
    diagrams: diagrams,
    titles: [...document.querySelectorAll("h1")].map(title => title.innerText),
    images: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
    links: [...document.querySelectorAll("a[href]")].map(link => link.href),
    anchors: [...document.querySelectorAll("[id]")].map(element => element.id),
    scrolls: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    wide: wide.map(element => element.outerHTML.slice(0, 200)),
}};
"""
DRAWN = "return [...document.querySelectorAll('pre.mermaid')].every(each => each.querySelector('svg'))"

Seen = dict[str, Any]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The address of the pages below a directory."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
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


def look(browser: webdriver.Chrome, url: str, width: int) -> Seen:
    """What a page shows at a width, what it wrote to the console, and what it asked for."""
    # A window cannot be as narrow as a phone; what it shows can.
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(url)
    WebDriverWait(browser, SECONDS).until(lambda driver: driver.execute_script(DRAWN))
    seen: Seen = browser.execute_script(LOOK)
    seen["console"] = [entry["message"] for entry in browser.get_log("browser")]
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    seen["requests"] = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    return seen


def problems(seen: Seen, site: str) -> dict[str, list[Any]]:
    """What is wrong with a page; each is empty for one that is as it should be."""
    return {
        "boxes": seen["faults"] + seen["words"],
        "console": seen["console"],
        "requests": [url for url in seen["requests"] if not url.startswith((site, "data:"))],
        "diagrams": [size for size in seen["diagrams"] if size < 50],
        "titles": seen["titles"] if len(seen["titles"]) != 1 else [],
        "images": seen["images"],
        "scrolls": [seen["scrolls"]] if seen["scrolls"] else [],
        "wide": seen["wide"],
    }


def broken_links(page: str, pages: dict[str, Seen], site: str, directory: Path) -> list[str]:
    """The links of a page to pages, anchors and files that are not there. Those to other hosts are not followed."""
    broken = []
    for link in pages[page]["links"]:
        url, anchor = urldefrag(urljoin(site + page, link))
        if not url.startswith(site):
            continue
        name = unquote(url.removeprefix(site)) or "index.html"
        if name in pages:
            fine = not anchor or unquote(anchor) in pages[name]["anchors"]
        else:
            fine = (directory / name).is_file()
        if not fine:
            broken.append(link)
    return broken


class Looks:
    """What was seen of each page, by width and name."""

    def __init__(self, browser: webdriver.Chrome, site: str) -> None:
        self.site = site
        self.seen = {width: {page: look(browser, site + page, width) for page in PAGES} for width in WIDTHS}


@pytest.fixture(scope="module")
def looks(browser: webdriver.Chrome) -> Iterator[Looks]:
    with served(HTML) as site:
        yield Looks(browser, site)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_it_should_be(looks: Looks, width: int, page: str) -> None:
    assert {what: found for what, found in problems(looks.seen[width][page], looks.site).items() if found} == {}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(looks: Looks, page: str) -> None:
    assert broken_links(page, looks.seen[WIDTHS[0]], looks.site, HTML) == []


def test_private_steps_have_no_page() -> None:
    assert [page for page in PAGES if Path(page).name.startswith("_")] == []
    assert "cryptokey.wireguard._" not in (HTML / "reference/index.html").read_text()


def test_every_guide_is_there_and_every_diagram_is_drawn(looks: Looks) -> None:
    sources = {path.relative_to(ROOT / "docs").with_suffix(".html"): path for path in (ROOT / "docs").rglob("*.md")}
    diagrams = {str(page): path.read_text().count("```mermaid") for page, path in sources.items()}
    assert {"index.html", "getting-started.html", "reference/interface_module.html"} <= set(PAGES)
    assert {page: len(looks.seen[WIDTHS[0]][page]["diagrams"]) for page in diagrams} == diagrams
    assert diagrams["index.html"] == diagrams["contributing/architecture.html"] == 1


def test_every_page_is_found_from_the_landing_page(looks: Looks) -> None:
    pages = looks.seen[WIDTHS[0]]
    found: set[str] = set()
    left = ["index.html"]
    while left:
        page = left.pop()
        urls = {urldefrag(urljoin(looks.site + page, link)).url for link in pages[page]["links"]}
        new = {unquote(url.removeprefix(looks.site)) for url in urls if url.startswith(looks.site)}
        new = (new & set(PAGES)) - found
        found |= new
        left += new
    assert set(PAGES) - UNLINKED <= found


SPOILED = {
    "boxes": '<div class="admonition warning">Look out</div>',
    "console": "<script>console.error('no such thing')</script>",
    "requests": '<link rel="prefetch" href="http://127.0.0.1:9/style.css">',
    "diagrams": '<pre class="mermaid"><svg width="0" height="0"></svg></pre>',
    "titles": "<h1>A second title</h1>",
    "images": '<img src="data:image/png;base64,AAAA" alt="">',
    "scrolls": '<div style="width: 3000px">wide</div>',
    "wide": '<div style="overflow: hidden"><p style="width: 3000px">cut off</p></div>',
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_wrong_with_a_page_is_seen(browser: webdriver.Chrome, tmp_path: Path, what: str) -> None:
    page = f'<!doctype html><link rel="icon" href="data:,"><article><h1>A page</h1>{SPOILED[what]}</article>'
    (tmp_path / "index.html").write_text(page)
    with served(tmp_path) as site:
        found = problems(look(browser, f"{site}index.html", WIDTHS[1]), site)
    assert found[what]


def test_a_broken_link_is_seen(browser: webdriver.Chrome, tmp_path: Path) -> None:
    links = ["index.html#here", "file.txt", "http://192.0.2.1/", "index.html#nowhere", "gone.html"]
    (tmp_path / "file.txt").write_text("a file")
    anchors = "".join(f'<a href="{link}">link</a>' for link in links)
    (tmp_path / "index.html").write_text(f'<!doctype html><link rel="icon" href="data:,"><p id="here">{anchors}</p>')
    with served(tmp_path) as site:
        pages = {"index.html": look(browser, f"{site}index.html", WIDTHS[0])}
        assert broken_links("index.html", pages, site, tmp_path) == [f"{site}{link}" for link in links[3:]]
