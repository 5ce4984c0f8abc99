# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the metrics on this machine itself, as systemd runs it with its restrictions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.member import Entry, Steps, ensure_member
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.metrics_setup import has_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import Setup, find_missing
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup_removal import remove_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import (
    PROGRAM,
    SERVICE,
    SETTINGS,
    TIMER,
    TIMER_UNIT,
    WRITTEN,
    MetricsSetup,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.converged import (
    forget_converged,
    load_converged,
    record_converged,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import default_path
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.unit_files import metrics_of
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.provisional import Machine
from ansible_collections.cryptokey.wireguard.tests.kernel.test_metrics import parse

DIRECTORY = Path("/var/lib/metrics-test")
ENTRY: dict[str, Any] = {
    "network": "home",
    "options": {"interface": "wgown"},
    "metrics": {"directory": str(DIRECTORY), "interval": 3600, "clients": {"phone": 1}},
}
BODY = "counter denied {\n}\nchain input {\n  type filter hook input priority 0; policy accept;\n}\n"
NAME = (("interface", "wgown"),)


def systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True)


@pytest.fixture
def machine(machine: Machine) -> Iterator[Machine]:
    """The interface comes up from its startup files, and has a table of its own."""
    options = {"interface": "wgown", "addresses": ["10.66.0.1/24"], "table": "off", "peers": strangers(3)}
    machine.run(peers=options["peers"], nftables=BODY)
    key = machine.folder / "own.key"
    ensure_config({**options, "nftables": BODY, "private_key_file": str(key)})
    # The one that the unit finds: it has a /tmp of its own.
    usual = Path(default_path("wgown"))
    usual.parent.mkdir(0o700, exist_ok=True)
    usual.touch(0o600)
    yield machine
    usual.unlink()
    remove_metrics(check_mode=False)
    for suffix in ("conf", "nft"):
        Path(f"/etc/wireguard/wgown.{suffix}").unlink(missing_ok=True)
    subprocess.run(["nft", "delete", "table", "inet", "cryptokey-wgown"], check=False)
    subprocess.run(["rm", "-r", str(DIRECTORY)], check=False)


def install(machine: Machine, check_mode: bool = False) -> bool:
    """Run the module in a process of its own. Return whether it reports a change."""
    arguments = machine.folder / "metrics.json"
    texts = metrics_of([ENTRY])
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**texts, "_ansible_check_mode": check_mode}}))
    module = "ansible_collections.cryptokey.wireguard.plugins.modules._metrics"
    done = subprocess.run([sys.executable, "-m", module, str(arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return bool(json.loads(done.stdout)["changed"])


def collect() -> Any:
    """Run the service as the timer does."""
    (DIRECTORY / WRITTEN).unlink(missing_ok=True)
    systemctl("start", "cryptokey-wireguard-metrics.service")
    return parse((DIRECTORY / WRITTEN).read_text())


def drift() -> tuple[int, list[str]]:
    done = subprocess.run([f"/{PROGRAM}", "--drift"], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_check_then_installed_then_nothing_and_the_unit_does_all_of_its_work(machine: Machine) -> None:
    assert install(machine, check_mode=True) is True
    assert not any(Path("/", name).exists() for name in (PROGRAM, SERVICE, TIMER, SETTINGS))
    assert install(machine) is True
    assert (install(machine, check_mode=True), install(machine)) == (False, False)
    assert find_missing([Setup("wgown")], metrics=MetricsSetup.read(metrics_of([ENTRY])))["wgown"][-1] == "metrics"
    systemctl("daemon-reload")
    systemctl("enable", "--now", TIMER_UNIT)
    assert "metrics" not in find_missing([Setup("wgown")], metrics=MetricsSetup.read(metrics_of([ENTRY])))["wgown"]

    record_converged("wgown")
    samples = collect()
    assert samples["cryptokey_wireguard_collector_success"] == {(): 1.0}
    assert samples["cryptokey_wireguard_drift_operations"] == {NAME: 0.0}
    assert samples["cryptokey_wireguard_policy_denied_packets_total"] == {NAME: 0.0}
    assert len(samples["wireguard_sent_bytes_total"]) == 3
    (valid,) = samples["cryptokey_wireguard_client_valid_seconds"].values()
    assert valid < 0
    assert samples["cryptokey_wireguard_key_age_seconds"][NAME] >= 0
    assert samples["cryptokey_wireguard_last_converge_timestamp_seconds"][NAME] > 1_700_000_000
    assert ((DIRECTORY / WRITTEN).stat().st_mode & 0o777, drift()) == (0o644, (0, []))

    # A changed table is tried in a network namespace, which the unit may make.
    file = Path("/etc/wireguard/wgown.nft")
    file.write_text(file.read_text().replace("policy accept", "policy drop"))
    assert collect()["cryptokey_wireguard_drift_operations"] == {NAME: 1.0}
    assert drift() == (2, ["wgown: set the nftables table inet cryptokey-wgown"])

    assert remove_metrics(check_mode=False) is True
    left = [Path("/", name) for name in (PROGRAM, SERVICE, TIMER, SETTINGS)]
    assert not any(path.exists() for path in (*left, DIRECTORY / WRITTEN))
    assert DIRECTORY.is_dir()


def test_member_reports_what_is_missing_and_removes_what_is_not_planned(machine: Machine) -> None:
    options = {
        "interface": "wgown",
        "addresses": ["10.66.0.1/24"],
        "table": "off",
        "peers": strangers(3),
        "nftables": BODY,
        "private_key_file": str(machine.folder / "own.key"),
    }
    entry = Entry("home", options, None, {}, Setup("wgown"))
    steps = Steps(check_keys=False, metrics=MetricsSetup.read(metrics_of([ENTRY])))
    forget_converged("wgown")
    assert "metrics" in ensure_member([entry], steps, True, []).parts[0].lacks
    assert load_converged("wgown") is None
    found = ensure_member([entry], steps, False, [])
    assert (found.complete, "metrics" in found.parts[0].lacks) == (True, True)
    assert time.time() - (load_converged("wgown") or 0) < 60
    install(machine)
    systemctl("daemon-reload")
    systemctl("enable", "--now", TIMER_UNIT)
    assert "metrics" not in ensure_member([entry], steps, False, []).parts[0].lacks
    for check_mode in (True, False):
        assert has_metrics()
        ensure_member([entry], Steps(check_keys=False), check_mode, [])
    assert not has_metrics()
    forget_converged("wgown")


def test_a_program_that_cannot_do_its_work_is_refused(machine: Machine) -> None:
    Path("/etc/wireguard/wgown.conf").write_text("[Nonsense]\n")
    with pytest.raises(AssertionError, match=r"wgown.*there is no such section"):
        install(machine)
    assert not Path("/", TIMER).exists()
