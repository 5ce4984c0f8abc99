# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say of the repository is so: links, playbooks, rooms, and the inventories that they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.docs.pages import DOCS, PAGES, ROOT, read_blocks
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES
from ansible_collections.cryptokey.wireguard.tests.unit.test_layers import MODULE_UTILS, PLUGIN_UTILS

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Those of the headings, as the forge and Sphinx make them."""
    headings = re.findall(r"^#+ (.*)$", _FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_repository_lead_somewhere(page: str) -> None:
    """As they are read on the forge; the built pages are another matter."""
    broken = []
    for link in _LINK.findall(_FENCED.sub("", (ROOT / page).read_text())):
        name, _sign, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        # The reference is generated.
        if re.match(r"\w+:", link) or target.is_relative_to(DOCS / "reference"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_example_is_shown_as_it_is() -> None:
    """``two_hosts.yml`` is for tests alone."""
    shown = {block.text for page in PAGES for block in read_blocks(page) if block.language == "yaml"}
    # Without the head of three lines.
    texts = {path.name: path.read_text().split("\n", 3)[3] for path in EXAMPLES.glob("*.yml")}
    assert [name for name, text in texts.items() if text not in shown] == ["two_hosts.yml"]


def test_the_table_of_playbooks_has_each_with_its_variables() -> None:
    text = (DOCS / "playbooks.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", text, re.MULTILINE))
    files = {path.stem: path.read_text() for path in (ROOT / "playbooks").glob("*.yml")}
    # Those of the inventory belong to the role, and are in its reference.
    specs = yaml.safe_load((ROOT / "roles/network/meta/argument_specs.yml").read_text())["argument_specs"]
    variables = {name: set(re.findall(r"\bwireguard_\w+", content)) for name, content in files.items()}
    expected = {name: found - set(specs["main"]["options"]) for name, found in variables.items()}
    # What the role takes for remove.yml alone.
    expected["remove"] |= set(specs["absent"]["options"]) - set(specs["main"]["options"])
    assert {name: set(re.findall(r"\bwireguard_\w+", row)) for name, row in rows.items()} == expected


def test_the_contributor_guide_has_each_room_in_its_order() -> None:
    text = (DOCS / "contributing/architecture.md").read_text()
    rooms = re.findall(r"^\| `(_\w+)` \|", text, re.MULTILINE)
    assert rooms == [*PLUGIN_UTILS, *MODULE_UTILS]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    """A name in capitals stands for any other."""
    text = (ROOT / page).read_text()
    named = re.findall(r"`((?:plugins|tests|playbooks|roles|docs|molecule|meta|changelogs)/[\w./-]+)`", text)
    inside = re.findall(r"`((?:_[a-z]+)/\w+\.py)`", text)
    places = {
        *((ROOT / name, (ROOT / page).parent / name) for name in named),
        *((ROOT / "plugins/module_utils" / name, ROOT / "plugins/plugin_utils" / name) for name in inside),
    }
    missing = [str(first) for first, second in places if not (first.exists() or second.exists())]
    assert [name for name in missing if not re.search(r"\b[A-Z]{3,}\b", name)] == []
