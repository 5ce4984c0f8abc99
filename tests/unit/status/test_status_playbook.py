# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml in real runs, on hosts without WireGuard: what is shown, written and compared."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.test_drift_playbook import HOSTS, INVENTORY
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run
from ansible_collections.cryptokey.wireguard.tests.unit.status.test_status import SCHEMA


class StatusSite(Managed):
    """Hosts whose keys and files are there, and whose kernel has no WireGuard."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, *HOSTS)
        self.inventory = yaml.safe_load(INVENTORY)
        assert self.run("site", *CONFIG_ONLY).code == 0

    def status(self, form: str, file: str = "", *arguments: str) -> Run:
        more = ("-e", f"wireguard_file={file}") if file else ()
        return self.run("status", "-e", f"wireguard_format={form}", *more, *arguments)

    def document(self, file: str) -> dict[str, Any]:
        return dict(json.loads((self.directory / file).read_text()))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> StatusSite:
    return StatusSite(tmp_path_factory.mktemp("status"))


def test_the_document_of_hosts_without_interfaces(site: StatusSite) -> None:
    run = site.status("json", "status.json")
    assert run.code == 2
    document = site.document("status.json")
    jsonschema.validate(document, SCHEMA)
    assert document["source"] == "status"
    assert {each["name"]: each["state"] for each in document["members"]} == dict.fromkeys(HOSTS, "down")
    assert {each["problem"] for each in document["tunnels"]} == {"no such peer"}
    assert "python" in document["members"][0]["versions"]
    assert all(each["key_since"] and each["public_key"] for each in document["members"])
    assert {(each["host"], each["peer"]) for each in document["tunnels"]} >= {("hub1", "office"), ("office", "hub1")}
    assert stat.S_IMODE((site.directory / "status.json").stat().st_mode) == 0o644
    for host in HOSTS:
        assert f"{host:<6}  " in run.output
    assert "cryptokey.wireguard.doctor -e wireguard_hosts=hub1,laptop,office,server" in run.output
    assert "changed=0" in run.output


def test_the_page_and_what_is_new_in_it(site: StatusSite) -> None:
    site.status("json", "before.json")
    before = site.document("before.json")
    before["members"] = [each for each in before["members"] if each["name"] != "office"]
    before["members"][0]["addresses"] = ["10.8.0.99/24"]
    (site.directory / "before.json").write_text(json.dumps(before))
    run = site.status("html", "status.html", "-e", "wireguard_baseline=before.json")
    page = (site.directory / "status.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "home: office: added" in run.output
    assert "home: hub1: addresses 10.8.0.99/24 -> " in run.output
    assert "10.8.0.99/24" in page
    assert "<html" not in run.output


def test_what_is_refused(site: StatusSite) -> None:
    for arguments, message in (
        (("html",), "say where to write the page: -e wireguard_file=PATH"),
        (("table", "", "-e", "wireguard_baseline=none.json"), "no such file"),
    ):
        run = site.status(*arguments)
        assert run.code == 2
        assert message in run.output
