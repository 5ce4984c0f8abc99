# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in namespaces on the real kernel of this machine, which is a virtual one made for this."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata, util
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.faults.ledger import Ledger
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, make_hosts, strangers, tunnel
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints
from ansible_collections.cryptokey.wireguard.tests.kernel.provisional import Machine, Side, settled

# These also run what belongs to the controller, whose Python is newer than the oldest one of hosts.
_WITH_CONTROLLER = [
    "test_access.py",
    "test_adopt.py",
    "test_doctor.py",
    "test_drift.py",
    "test_metrics_unit.py",
    "test_policy_rules.py",
]
collect_ignore = _WITH_CONTROLLER if sys.version_info < (3, 10) else []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", type=Path, help="write what was injected and survived to this file, as JSON")
    parser.addoption("--pairs", type=int, default=100, help="how many random pairs of states to converge (%(default)s)")
    parser.addoption("--triples", type=int, default=200, help="how many packets to compare with access (%(default)s)")
    parser.addoption("--causes", type=int, default=8, help="how many causes to make for the doctor (%(default)s)")
    parser.addoption("--collections", type=int, default=200, help="how often to collect metrics of a roaming peer")
    parser.addoption("--seed", help="make the same random networks for them again")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep as many causes of the doctor as are asked for, evenly spread, as each takes 10 seconds and more.

    Of the sound networks, half are kept.
    """
    causes = [item for item in items if item.name.startswith("test_each_cause_is_the_first_finding")]
    sound = [item for item in items if item.name.startswith("test_nothing_is_found_in_a_sound_network")]
    step = max(1, len(causes) // max(1, config.getoption("--causes")))
    left_out = {id(item) for number, item in enumerate(causes) if number % step}
    left_out |= {id(item) for number, item in enumerate(sound) if number % min(step, 2)}
    if left_out and not config.getoption("keyword"):
        config.hook.pytest_deselected(items=[item for item in items if id(item) in left_out])
        items[:] = [item for item in items if id(item) not in left_out]


def pytest_report_header() -> str:
    found = util.find_spec("pyroute2")
    return f"kernel {platform.release()}, pyroute2 {metadata.version('pyroute2')} in {found and found.origin}"


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where the tests write down the faults that they inject."""
    return Ledger(pytestconfig.getoption("--faults"))


@pytest.fixture(scope="session", autouse=True)
def room_for_peers() -> None:
    """Newer kernels, 7.2 among them, have a thread for each peer, and with ten thousand no room for another one."""
    limit = Path("/proc/sys/kernel/threads-max")
    limit.write_text(str(max(30_000, int(limit.read_text()))))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured number among pytest's own lines."""

    def say_it(text: str) -> None:
        with capsys.disabled():
            print(f"\n    {text}", flush=True)

    return say_it


@pytest.fixture
def pair() -> Iterator[tuple[Host, Host]]:
    """Two hosts on one cable, 192.0.2.1 and 192.0.2.2."""
    with make_hosts("left", "right") as (left, right):
        connect(left, "192.0.2.1/24", right, "192.0.2.2/24")
        yield left, right


@pytest.fixture
def vpn_table() -> Iterator[None]:
    """The routing table 1234 is called vpn."""
    file = Path("/etc/iproute2/rt_tables.d/lab.conf")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("0x4d2 vpn # a table's name\n")
    yield
    file.unlink()


@pytest.fixture
def host() -> Iterator[Host]:
    with make_hosts("alone") as (alone,):
        yield alone


@pytest.fixture
def side(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Side]:
    """Both ends up, with a session, and a ping has gone through."""
    forget_endpoints()
    left, right = pair
    ours, theirs = tunnel(left, right)
    right.converge(**theirs)
    side = Side(left, right, tmp_path, {"listen_port": 51820, "fwmark": "0x7", "mtu": 1400, **ours})
    side.run()
    left.ping("10.9.0.2")
    yield side
    settled("wg0")
    forget_endpoints()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """An interface of this machine itself, where systemd sees it."""
    forget_endpoints()
    machine = Machine(tmp_path)
    machine.run(peers=strangers(3))
    yield machine
    settled("wgown")
    subprocess.run(["ip", "link", "delete", "wgown"], check=False)
    forget_endpoints()
