# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a status page in Chromium, and check what it shows and does.

    look.py PAGE MEMBER-PEER=STATE...

The picture must have just these tunnels, in these states, and the table their members. Prints what is wrong, and ends
with the exit code 1 if anything is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

READ = """
const all = (selector, read) => [...document.querySelectorAll(selector)].map(read);
const names = Object.fromEntries(all("svg[role=group] [data-node]", node => [
    node.dataset.node, node.querySelector("text").firstElementChild.textContent]));
return {
    nodes: Object.values(names).sort(),
    edges: all("svg[role=group] [data-edge]", edge =>
        `${edge.dataset.edge.split(" ").map(end => names[end]).sort().join("-")}=${edge.classList[1]}`).sort(),
    members: all("#table tbody tr:not([hidden])", row => row.cells[0].innerText.trim()).sort(),
};
"""
NETWORK = ("http:", "https:", "ws:", "wss:", "ftp:")


def look(page: Path) -> dict[str, Any]:
    """What the page shows, what it wrote to the console, and what it asked other hosts for."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
        browser.get(page.resolve().as_uri())
        seen: dict[str, Any] = browser.execute_script(READ)
        seen["console"] = [entry["message"] for entry in browser.get_log("browser")]
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        seen["requests"] = [url for url in asked if url.startswith(NETWORK)]
    return seen


def problems(seen: dict[str, Any], tunnels: list[str]) -> Iterator[str]:
    members = sorted({member for tunnel in tunnels for member in tunnel.partition("=")[0].split("-")})
    wanted = {"nodes": members, "edges": sorted(tunnels), "members": members, "console": [], "requests": []}
    yield from (f"{what}: {seen[what]}, and not {value}" for what, value in wanted.items() if seen[what] != value)


def main() -> int:
    found = list(problems(look(Path(sys.argv[1])), sys.argv[2:]))
    print("\n".join(found) or "the page is as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
