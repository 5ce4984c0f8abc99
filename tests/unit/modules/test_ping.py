# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ping: what ping prints, and the module with a ping of our own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import ping as _ping
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.ping import PingError, parse_ping
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import run_module

IPUTILS = """\
PING 10.8.0.1 (10.8.0.1) from 10.8.0.2 wg0: 56(84) bytes of data.

--- 10.8.0.1 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 402ms
rtt min/avg/max/mdev = 0.030/4.254/8.040/0.004 ms
"""
BUSYBOX = """\
PING 10.8.0.1 (10.8.0.1): 56 data bytes

--- 10.8.0.1 ping statistics ---
3 packets transmitted, 3 packets received, 0% packet loss
round-trip min/avg/max = 0.047/0.048/0.050 ms
"""
NOBODY = """\
PING 10.8.0.9 (10.8.0.9) from 10.8.0.2 wg0: 56(84) bytes of data.

--- 10.8.0.9 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2043ms
pipe 3
"""


@pytest.mark.parametrize(
    ("output", "reachable", "loss", "rtt"),
    [
        (IPUTILS, True, 33.3, 4.254),
        (BUSYBOX, True, 0.0, 0.048),
        (NOBODY, False, 100.0, None),
        ("3 packets transmitted, 3 received, +1 duplicates, 0% packet loss, time 1ms", True, 0.0, None),
        ("0 packets transmitted, 0 received, time 0ms", False, 100.0, None),
    ],
)
def test_what_ping_prints(output: str, reachable: bool, loss: float, rtt: float | None) -> None:
    assert parse_ping(output) == {"reachable": reachable, "loss_percent": loss, "rtt_ms": rtt}


@pytest.mark.parametrize(
    ("output", "errors", "message"),
    [("", "ping: no rights\n", "ping: no rights"), ("usage", "", "usage"), ("", "", "ping printed nothing")],
)
def test_a_ping_that_did_not_try_is_an_error(output: str, errors: str, message: str) -> None:
    with pytest.raises(PingError, match=message):
        parse_ping(output, errors)


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH with a ping that answers for 127.0.0.1 and ::1 and notes how it was called."""
    ping = tmp_path / "bin" / "ping"
    ping.parent.mkdir()
    ping.write_text(
        f"#!{sys.executable}\n"
        "import sys, time\n"
        f"open({str(tmp_path / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "if sys.argv[-1] in ('127.0.0.3', '127.0.0.5'): sys.exit('ping: broken')\n"
        "if sys.argv[-1] == '127.0.0.4': time.sleep(60)\n"
        f"print({BUSYBOX!r} if sys.argv[-1] in ('127.0.0.1', '::1') else {NOBODY!r})\n"
    )
    ping.chmod(0o755)
    return str(ping.parent)


KEY = key_of("hub")


def targets(*addresses: str) -> list[dict[str, Any]]:
    return [{"name": f"host{number}", "address": address} for number, address in enumerate(addresses)]


@pytest.mark.parametrize("check", [True, False])
def test_the_module(programs: str, tmp_path: Path, check: bool) -> None:
    arguments = {"interface": "lo", "targets": targets("127.0.0.1", "127.0.0.2", "::1/64"), "count": 4, "timeout": 1}
    run = run_module("ping", arguments, check=check, path=programs)
    assert run.changed is False
    assert run.result["results"] == [
        {"name": "host0", "address": "127.0.0.1", "reachable": True, "loss_percent": 0.0, "rtt_ms": 0.048},
        {"name": "host1", "address": "127.0.0.2", "reachable": False, "loss_percent": 100.0, "rtt_ms": None},
        {"name": "host2", "address": "::1", "reachable": True, "loss_percent": 0.0, "rtt_ms": 0.048},
    ]
    calls = sorted((tmp_path / "calls").read_text().splitlines())
    assert calls[0] == "-n -q -i 0.2 -c 4 -W 1 -I lo 127.0.0.1"
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("127.0.0.4", "ping host1: ping did not finish within 1.2 s: check whether it answers"),
        ("127.0.0.3", "ping: broken"),
    ],
)
def test_a_ping_that_fails_is_that_targets_answer_alone(
    programs: str, monkeypatch: pytest.MonkeyPatch, bad: str, problem: str
) -> None:
    monkeypatch.setattr(_ping, "SPARE_SECONDS", 0.0)
    options = {"interface": "lo", "targets": targets("127.0.0.1", bad, "127.0.0.2"), "count": 1, "timeout": 1}
    good, failed, silent = _ping.send_pings(options, f"{programs}/ping")
    assert (good["reachable"], silent["reachable"]) == (True, False)
    assert failed.pop("problem").startswith(problem)
    assert "problem" not in silent
    assert failed == {"name": "host1", "address": bad, "reachable": False, "loss_percent": 100.0, "rtt_ms": None}


def test_pings_that_hang_are_no_answer_even_if_all_do(programs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ping, "SPARE_SECONDS", 0.0)
    options = {"interface": "lo", "targets": targets("127.0.0.4"), "count": 1, "timeout": 1}
    (result,) = _ping.send_pings(options, f"{programs}/ping")
    assert result["reachable"] is False


def test_no_interface_means_nothing_is_reachable(tmp_path: Path) -> None:
    arguments = {"interface": "no-such-wg", "targets": targets("10.8.0.1")}
    run = run_module("ping", arguments, path=str(tmp_path))
    assert run.result["results"] == [
        {"name": "host0", "address": "10.8.0.1", "reachable": False, "loss_percent": 100.0, "rtt_ms": None}
    ]


def test_a_target_by_its_key_needs_no_ping_and_an_interface(tmp_path: Path) -> None:
    arguments = {"interface": "no-such-wg", "targets": [{"name": "hub", "public_key": KEY}]}
    run = run_module("ping", arguments, path=str(tmp_path))
    assert run.result["results"] == [
        {
            "name": "hub",
            "address": None,
            "public_key": KEY,
            "reachable": False,
            "loss_percent": None,
            "rtt_ms": None,
        }
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": [{"name": "hub"}]}, "one of the following is required: address, public_key"),
        ({"targets": [{"name": "a", "public_key": "x"}]}, "targets[0].public_key 'x': not a WireGuard key"),
        ({"targets": targets("127.0.0.3")}, "ping: broken"),
        ({"targets": targets("127.0.0.3", "127.0.0.5")}, "ping: broken"),
        ({"targets": targets("127.0.0.1", "hub")}, "targets[1].address 'hub': not an IP address"),
        ({"interface": "a/b"}, "not an interface name"),
        ({"count": 0}, "count 0: out of range or not a number; give a number from 1 to 100"),
        ({"timeout": 61}, "timeout 61: out of range"),
    ],
)
def test_refusals(programs: str, options: dict[str, Any], message: str) -> None:
    arguments = {"interface": "lo", "targets": targets("127.0.0.1"), **options}
    assert message in run_module("ping", arguments, path=programs).message


def test_without_ping_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # get_bin_path also looks into the sbin folders, where there is none.
    if any((Path(folder) / "ping").exists() for folder in ("/sbin", "/usr/sbin", "/usr/local/sbin")):
        pytest.skip("there is a ping that cannot be hidden")
    arguments = {"interface": "lo", "targets": targets("127.0.0.1")}
    message = run_module("ping", arguments, path=str(tmp_path)).message
    assert message.startswith("the program ping is missing: install the package")
