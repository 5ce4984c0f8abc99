# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens status pages in a browser: what they show, how they are used, what keeps people out, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_document import StatusDocument
from ansible_collections.cryptokey.wireguard.tests.page.browser import (
    SECONDS,
    open_browser,
    open_page,
    requested,
    seconds_until_ready,
)
from ansible_collections.cryptokey.wireguard.tests.unit.status.documents import (
    HOSTILE,
    World,
    document_with,
    make_document,
    pairs,
)

AXE = Path(__file__).parents[2] / "build/cache/axe.min.js"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
DOCUMENTS: dict[str, Callable[[], StatusDocument]] = {
    "small": lambda: make_document(3),
    "middle": lambda: make_document(20),
    "plan": lambda: make_document(20, planned=True),
    "many": lambda: make_document(200),
    "large": lambda: make_document(1000),
    "hostile": lambda: document_with([*HOSTILE]),
    "empty": lambda: World().document([]),
}
# Everything that opens when it is looked at, and what a page is made for: axe sees only what is shown.
OPEN = "for (const part of document.querySelectorAll('details')) part.open = true;"
RUN_AXE = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations.map(
    each => ({id: each.id, impact: each.impact, nodes: each.nodes.map(node => node.html.slice(0, 200))}))));
"""
SHOWN = """
return [...document.querySelectorAll("#table tbody tr")].filter(row => !row.hidden).map(row => row.cells[0].innerText);
"""
PARTS = """
return [...document.querySelectorAll("details.part")].filter(part => !part.hidden)
    .map(part => part.querySelector("h3").innerText);
"""
COUNT = """
const sum = what => [...document.querySelectorAll(`[data-${what}]`)].map(each => Number(each.dataset.count));
return {nodes: sum("node"), edges: sum("edge")};
"""
WIDE = """
const width = document.documentElement.clientWidth;
const cut = [];
function look(element) {
    // What scrolls by itself may be wide, and what is for screen readers is not shown.
    if (["auto", "scroll"].includes(getComputedStyle(element).overflowX) || element.matches(".skip, .hidden")) return;
    if (element.getBoundingClientRect().right > width + 1) cut.push(element.outerHTML.slice(0, 200));
    if (!element.matches("details:not([open])")) for (const child of element.children) look(child);
}
look(document.body);
return {page: document.documentElement.scrollWidth - width, cut: cut};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{name}.html" for name in DOCUMENTS}
    for name, path in paths.items():
        path.write_text(render_page(DOCUMENTS[name]()))
    return paths


def shown(browser: webdriver.Chrome) -> list[str]:
    names: list[str] = browser.execute_script(SHOWN)
    return names


def press(browser: webdriver.Chrome, *keys: str) -> None:
    """Keys as a person presses them, wherever the focus is."""
    webdriver.ActionChains(browser).send_keys(*keys).perform()


def wait_for_hits(browser: webdriver.Chrome, hits: str) -> None:
    output = browser.find_element("id", "hits")
    WebDriverWait(browser, SECONDS, 0.02).until(lambda _driver: output.text == hits)


def violations(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    browser.execute_script(AXE.read_text())
    found: list[dict[str, Any]] = browser.execute_async_script(RUN_AXE)
    return [each for each in found if each["impact"] in ("serious", "critical")]


@pytest.mark.parametrize(("name", "width"), [*product(DOCUMENTS, WIDTHS)])
def test_a_page_asks_for_nothing_logs_nothing_and_fits(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int
) -> None:
    open_page(browser, pages[name], width)
    assert [url for url in requested(browser) if not url.startswith("data:image/svg+xml,")] == [pages[name].as_uri()]
    if name != "large":
        browser.execute_script(OPEN)
    assert browser.execute_script(WIDE) == {"page": 0, "cut": []}
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [*product(("middle", "plan", "hostile", "empty"), WIDTHS, SCHEMES)]
)
def test_axe_finds_nothing_serious(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    open_page(browser, pages[name], width, scheme)
    browser.execute_script(OPEN)
    assert violations(browser) == []


@pytest.mark.parametrize(
    "fault", ["<img src='data:,'>", "<button></button>", "<p style='color: #999; background: #aaa'>grey"]
)
def test_axe_finds_what_is_serious(browser: webdriver.Chrome, tmp_path: Path, fault: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><html lang='en'><title>A page</title><main><h1>A page</h1>{fault}</main>")
    open_page(browser, page)
    assert violations(browser) != []


@pytest.mark.parametrize("name", ["small", "middle", "plan", "many", "large"])
def test_the_picture_has_what_the_plan_has(browser: webdriver.Chrome, pages: dict[str, Path], name: str) -> None:
    document = DOCUMENTS[name]()
    open_page(browser, pages[name])
    counts = browser.execute_script(COUNT)
    assert sum(counts["nodes"]) == len(document["members"])
    assert sum(counts["edges"]) == len(pairs(document))
    if name != "large":
        assert {*counts["nodes"], *counts["edges"]} == {1}
    assert len(shown(browser)) == len(document["members"])


def test_filters_are_used_with_the_keyboard_alone(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    open_page(browser, pages["middle"])
    press(browser, "/", "spoke")
    wait_for_hits(browser, "8 of 20 members")
    assert shown(browser) == browser.execute_script(PARTS) == [f"spoke{number}" for number in range(1, 9)]
    press(browser, Keys.TAB, "d")
    wait_for_hits(browser, "1 of 20 members")
    assert shown(browser) == ["spoke3"]
    press(browser, Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)
    wait_for_hits(browser, "20 members")
    press(browser, "/", "nothing like this")
    wait_for_hits(browser, "0 of 20 members")
    assert browser.find_element("id", "none").is_displayed()


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("by-state", "expired", lambda member: member["state"] == "expired"),
        ("by-network", "backbone", lambda member: member["network"] == "backbone"),
        ("by-kind", "hub", lambda member: member["kind"] == "hub"),
    ],
)
def test_each_filter_shows_just_what_it_says(
    browser: webdriver.Chrome, pages: dict[str, Path], field: str, value: str, wanted: Callable[[Any], bool]
) -> None:
    members = DOCUMENTS["middle"]()["members"]
    expected = [member["name"] for member in members if wanted(member)]
    open_page(browser, pages["middle"])
    Select(browser.find_element("id", field)).select_by_visible_text(value)
    wait_for_hits(browser, f"{len(expected)} of {len(members)} members")
    assert shown(browser) == expected


def test_search_finds_keys_and_subnets(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    members = {member["name"]: member for member in DOCUMENTS["middle"]()["members"]}
    open_page(browser, pages["middle"])
    for text in (members["spoke2"]["public_key"] or "", members["spoke2"]["subnets"][0]):
        browser.execute_script("document.getElementById('search').value = ''")
        browser.find_element("id", "search").send_keys(text)
        wait_for_hits(browser, "1 of 20 members")
        assert shown(browser) == ["spoke2"]


def test_columns_are_sorted_with_the_keyboard(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    open_page(browser, pages["middle"])
    headers = browser.find_elements("css selector", "#table thead th")
    by_name = {header.text: header for header in headers}
    names = shown(browser)
    received = {}
    for row in browser.find_elements("css selector", "#table tbody tr"):
        cells = row.find_elements("css selector", "th, td")
        received[cells[0].text] = int(cells[headers.index(by_name["Received"])].get_attribute("data-v") or 0)
    browser.execute_script("arguments[0].focus()", by_name["Received"].find_element("tag name", "button"))
    press(browser, Keys.ENTER)
    assert by_name["Received"].get_attribute("aria-sort") == "ascending"
    assert [received[name] for name in shown(browser)] == sorted(received.values())
    press(browser, Keys.SPACE)
    assert by_name["Received"].get_attribute("aria-sort") == "descending"
    assert [received[name] for name in shown(browser)] == sorted(received.values(), reverse=True)
    browser.execute_script("arguments[0].focus()", by_name["State"].find_element("tag name", "button"))
    press(browser, Keys.ENTER)
    assert by_name["Received"].get_attribute("aria-sort") is None
    assert shown(browser)[:3] == ["db2", "hub1", "spoke3"]
    assert sorted(shown(browser)) == sorted(names)


def test_a_node_leads_to_its_member(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    open_page(browser, pages["middle"])
    node = next(
        each for each in browser.find_elements("css selector", "a.node") if each.text.splitlines()[-1] == "spoke3"
    )
    browser.execute_script("arguments[0].focus()", node)
    press(browser, Keys.ENTER)
    part = WebDriverWait(browser, SECONDS, 0.02).until(lambda driver: driver.find_element("css selector", "[open]"))
    assert part.find_element("tag name", "h3").text == "spoke3"
    assert browser.switch_to.active_element == part.find_element("tag name", "summary")
    assert "no handshake with hub2" in part.text


def test_a_group_of_the_picture_filters_the_table(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    document = DOCUMENTS["large"]()
    open_page(browser, pages["large"])
    groups = browser.find_elements("css selector", "a.group.host")
    (group,) = (each for each in groups if "of hub5:" in (each.get_attribute("textContent") or ""))
    browser.execute_script("arguments[0].focus()", group)
    press(browser, Keys.ENTER)
    kinds = {member["name"]: member["kind"] for member in document["members"] if member["network"] == "corp"}
    expected = {
        tunnel["peer"] for tunnel in document["tunnels"] if tunnel["host"] == "hub5" and kinds[tunnel["peer"]] == "host"
    }
    wait_for_hits(browser, f"{len(expected)} of 1,000 members")
    assert {*shown(browser)} == expected
    assert group.get_attribute("data-count") == str(len(expected))


def test_hostile_names_are_text(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    open_page(browser, pages["hostile"])
    browser.execute_script(OPEN)
    names = browser.execute_script(
        "return [...document.querySelectorAll('#table tbody th')].map(each => each.textContent)"
    )
    assert {*HOSTILE} <= {*names}
    problems = browser.execute_script("return [...document.querySelectorAll('.problem')].map(each => each.textContent)")
    assert sorted(problems) == sorted(HOSTILE)


def test_it_is_complete_without_its_script(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    document = DOCUMENTS["middle"]()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, pages["middle"])
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert not browser.find_element("id", "controls").is_displayed()
    parts = browser.find_elements("css selector", "details.part")
    for part, member in zip(parts, document["members"], strict=True):
        assert (member["public_key"] or "") in (part.get_attribute("textContent") or "")


def test_all_parts_are_open_in_print_and_no_controls(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    open_page(browser, pages["middle"], width=1020, scheme="dark")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script(WIDE) == {"page": 0, "cut": []}
    background = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(background) == "rgb(255, 255, 255)"  # as paper is, whatever the screen is
    assert all(each.is_displayed() for each in browser.find_elements("css selector", "details.part dl"))
    hidden = browser.find_elements("css selector", "#controls, nav, .skip")
    assert len(hidden) > 3
    assert not any(each.is_displayed() for each in hidden)
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.find_elements("css selector", "details[open]") == []


def test_a_thousand_hosts_are_ready_at_once(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    assert pages["large"].stat().st_size <= 3_000_000
    times: list[float] = []
    # Other work on the machine makes it slower, and nothing makes it faster.
    while len(times) < 5 and min(times, default=3) > 2:
        open_page(browser, pages["large"])
        times.append(seconds_until_ready(browser))
    assert min(times) <= 2
