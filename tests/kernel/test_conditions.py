# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which something is wrong: each time the message says what and what to do, and the tunnels run on.

What the kernel itself refuses in the middle of a plan is in ``test_failures``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.faults.kills import finish, list_calls, trace
from ansible_collections.cryptokey.wireguard.tests.faults.ledger import Ledger
from ansible_collections.cryptokey.wireguard.tests.faults.modules import changes, message_of, module, result_of
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, bring_up, comparable, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, key_file

pytestmark = pytest.mark.faults

ETC = Path("/etc/wireguard")
MODULE = "ansible_collections.cryptokey.wireguard.plugins.modules.interface"
ENDPOINT = "192.0.2.9:51820"


class Site:
    """The right one of two hosts, pinged by the left one. ``new`` are options that would change its wg0."""

    def __init__(self, left: Host, right: Host, work: Path) -> None:
        self.left, self.host, self.work = left, right, work
        _theirs, self.options = bring_up(left, right)
        self.key = str(key_file(right, work))
        (self.stranger,) = strangers(1)
        self.new = {**self.options, "mtu": 1380, "addresses": ["10.9.0.2/24", "fd09::2/64", "10.9.8.1/32"]}
        self.new["peers"] = [*self.options["peers"], {**self.stranger, "endpoint": ENDPOINT}]
        self.before = comparable(right.read())

    def arguments(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"interface": "wg0", "private_key_file": self.key, **options}

    def run(self, **more: Any) -> Callable[[], None]:
        return module("interface", self.arguments({**self.new, **more}))

    def is_as_before(self) -> bool:
        return comparable(self.host.read()) == self.before

    def refused(self, *parts: str, **more: Any) -> None:
        """A run stops with a message that has these parts in it, and changes nothing."""
        said(message_of(self.run(**more), self.work), *parts)
        assert self.is_as_before()

    def process(self, *before: str, **environment: str) -> str:
        """Why the module fails as a process of its own, after a command that sets it up."""
        file = self.work / "arguments.json"
        file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": self.arguments(self.new)}))
        command = [*before, sys.executable, "-m", MODULE, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
        assert done.returncode == 1, done.stdout + done.stderr
        return str(json.loads(done.stdout)["msg"])


def said(message: str, *parts: str) -> None:
    missing = [part for part in parts if part not in message]
    assert not missing, f"{message!r} does not say {missing}"


@pytest.fixture
def site(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Site]:
    forget_endpoints()
    made = Site(*pair, tmp_path)
    with made.host.entered():
        yield made
    forget_endpoints()


@contextmanager
def injected(site: Site, ledger: Ledger, fault: str) -> Iterator[None]:
    """One fault, while the left host pings the right one."""
    with ledger.watched(Ping(site.left, "10.9.0.2", interval=0.05)) as injections, injections.fault(fault):
        yield


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", *options, str(folder))
    try:
        yield
    finally:
        run("umount", str(folder))


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def files(site: Site) -> dict[str, Callable[[], None]]:
    """Runs of the other modules, which write below /etc."""
    return {
        "keypair": module("keypair", {"interface": "wgnew"}),
        "config": module("config", {**site.arguments(site.new), "interface": "wgnew"}),
        "forwarding": module("forwarding", {"ipv4": True, "path": str(ETC / "forwarding.conf")}),
    }


@pytest.mark.parametrize("name", ["keypair", "config"])
def test_a_full_disk(site: Site, ledger: Ledger, name: str) -> None:
    with (
        injected(site, ledger, f"{name}: the disk is full"),
        mounted(ETC, "-t", "tmpfs", "-o", "size=16k,mode=700", "none"),
    ):
        fill(ETC)
        said(message_of(files(site)[name], site.work), "No space left on device", str(ETC), "; make room on that file")
        assert {path.name for path in ETC.rglob("*")} <= {"ballast", "private"}


def test_a_full_disk_is_found_before_the_interface_is_changed(site: Site, ledger: Ledger) -> None:
    with (
        injected(site, ledger, "interface: the disk is full"),
        mounted(Path(DIRECTORY), "-t", "tmpfs", "-o", "size=16k,mode=700", "none"),
    ):
        fill(Path(DIRECTORY))
        site.refused("No space left on device", f"{DIRECTORY}/wg0.endpoints.json", "make room")


@pytest.mark.parametrize("name", ["keypair", "config"])
def test_etc_is_read_only(site: Site, ledger: Ledger, name: str) -> None:
    with (
        injected(site, ledger, f"{name}: /etc is read-only"),
        mounted(ETC, "-t", "tmpfs", "-o", "mode=700,ro", "none"),
    ):
        said(message_of(files(site)[name], site.work), "Read-only file system", str(ETC), "; mount it for writing")


def test_var_is_read_only(site: Site, ledger: Ledger) -> None:
    with (
        injected(site, ledger, "interface: /var is read-only"),
        mounted(Path(DIRECTORY), "-t", "tmpfs", "-o", "mode=700,ro", "none"),
    ):
        site.refused("Read-only file system", DIRECTORY, "mount it for writing")


def test_no_capability(site: Site, ledger: Ledger) -> None:
    with injected(site, ledger, "interface: no CAP_NET_ADMIN"):
        drop = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
        said(site.process(*drop), "Operation not permitted", "CAP_NET_ADMIN", "become")
        assert site.is_as_before()


WRONG_PYROUTE2 = {
    "cannot be imported": "raise ImportError('No module named distutils')",
    "is made for another Python": "raise AttributeError('module collections has no MutableMapping')",
    "lacks what is called": "class IPRoute:\n    def close(self): pass\n    nlm_request = None\n",
}


@pytest.mark.parametrize("wrong", WRONG_PYROUTE2)
def test_a_wrong_pyroute2(site: Site, ledger: Ledger, tmp_path: Path, wrong: str) -> None:
    package = tmp_path / "libraries" / "pyroute2"
    (package / "netlink").mkdir(parents=True)
    (package / "__init__.py").write_text(WRONG_PYROUTE2[wrong])
    (package / "netlink" / "__init__.py").write_text("")
    (package / "netlink" / "exceptions.py").write_text("class NetlinkError(Exception):\n    code = 22\n")
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    with injected(site, ledger, f"interface: a pyroute2 that {wrong}"):
        said(site.process(PYTHONPATH=path), "pyroute2", "another version of it", "has been restored")
        assert site.is_as_before()


def test_a_name_that_is_taken(site: Site, ledger: Ledger) -> None:
    with injected(site, ledger, "interface: the name is another kind's"):
        run("ip", "link", "add", "wgtaken", "type", "dummy")
        site.refused("wgtaken", "it is a dummy interface", "choose another name or remove it", interface="wgtaken")
        assert "wgtaken" in run("ip", "link", "show", "type", "dummy")


def test_a_port_that_is_taken(site: Site, ledger: Ledger) -> None:
    with injected(site, ledger, "interface: the port is taken"):
        run("ip", "link", "add", "wgholder", "type", "wireguard")
        run("wg", "set", "wgholder", "listen-port", "51999")
        run("ip", "link", "set", "wgholder", "up")
        parts = ("EADDRINUSE", "choose another listen_port", "The previous state has been restored")
        site.refused(*parts, listen_port=51999)


@pytest.mark.parametrize("address", ["10.9.8.1/24", "10.9.8.1/32", "fd09:8::1/64"])
def test_an_address_that_is_taken(site: Site, ledger: Ledger, address: str) -> None:
    with injected(site, ledger, f"interface: {address} is on another interface"):
        run("ip", "link", "add", "dummy7", "type", "dummy")
        there = address.replace("/32", "/24")
        run("ip", "address", "add", there, "dev", "dummy7", *["nodad"] * (":" in address))
        remedy = f"remove it there with 'ip address delete {there} dev dummy7'"
        site.refused("the interface dummy7 already has this address", remedy, addresses=[address])


def test_addresses_that_links_may_share(site: Site, ledger: Ledger) -> None:
    with injected(site, ledger, "interface: a link without a network of its own shares an address"):
        run("ip", "link", "add", "dummy7", "type", "dummy")
        run("ip", "address", "add", "10.9.8.1/32", "dev", "dummy7")
        assert changes(site.run(), site.work) == [True, False]


@pytest.mark.parametrize("call", ["sendto", "recvmsg"])
def test_the_kernel_is_short_of_buffers(site: Site, ledger: Ledger, call: str) -> None:
    """ENOBUFS at each message in turn. Either it does not matter, or what was running is there again, and is told."""
    listed, again = site.run(), site.run()
    with ledger.watched(Ping(site.left, "10.9.0.2", interval=0.05)) as injections:
        code, lines = trace(listed, site.work, "-e", f"trace={call}")
        assert code == 0
        for one in list(list_calls(lines)):
            forget_endpoints()
            site.host.converge(mtu=1420, **site.options)
            site.before = comparable(site.host.read())
            with injections.fault(f"interface: ENOBUFS at {call} {one.number}"):
                error = f"inject={call}:error=ENOBUFS:when={one.number}"
                code, _lines = trace(again, site.work, "-e", f"trace={call}", "-e", error)
                result = json.loads((site.work / "output").read_text())
                if code:
                    said(result["msg"], "ENOBUFS", "the kernel is short of memory")
                    assert site.is_as_before()
                assert changes(again, site.work) == [bool(code), False]


def meddle(host: Host, until: float) -> None:
    """Change another peer all the time, so that dumps are interrupted."""
    key = strangers(400)[399]["public_key"]
    while time.monotonic() < until:
        host.run("wg", "set", "wg0", "peer", key, "persistent-keepalive", "7")
        host.run("wg", "set", "wg0", "peer", key, "persistent-keepalive", "0")


def test_dumps_are_interrupted(site: Site, ledger: Ledger) -> None:
    options = {**site.options, "peers": [*site.options["peers"], *strangers(400, 3)]}
    finish(module("interface", site.arguments(options)), site.work / "made")
    wanted = module("interface", site.arguments({**options, "peers_mode": "merge", "mtu": 1390}))
    with injected(site, ledger, "interface: another program changes it all the time"):
        meddler = multiprocessing.get_context("fork").Process(
            target=meddle, args=(site.host, time.monotonic() + 4), daemon=True
        )
        meddler.start()
        while meddler.is_alive():
            changes(wanted, site.work, 1)
        meddler.join()
        assert changes(wanted, site.work)[1] is False
        assert len(site.host.read().device.peers) == 401


@pytest.mark.parametrize("year", [1970, 2090])
def test_a_clock_far_off(site: Site, ledger: Ledger, year: int) -> None:
    """The peer has an endpoint that was learned; by such a clock it would be dead, and be given the configured one."""
    peers = [{**site.options["peers"][0], "endpoint": "192.0.2.77:9"}]
    wanted = site.run(peers=peers, addresses=site.options["addresses"])
    (Path(DIRECTORY)).mkdir(mode=0o700, exist_ok=True)
    now, began = time.time(), time.monotonic()
    with injected(site, ledger, f"interface: the clock says {year}"):
        time.clock_settime(time.CLOCK_REALTIME, (year - 1970) * 365.25 * 86400 + 86400)
        try:
            result = result_of(wanted, site.work)
        finally:
            time.clock_settime(time.CLOCK_REALTIME, now + time.monotonic() - began)
        said(str(result["warnings"]), f"The clock of this host is wrong: it says {year}", "Set the clock")
        assert [str(peer.endpoint) for peer in site.host.read().device.peers.values()] == ["192.0.2.1:" + port(site)]


def port(site: Site) -> str:
    return run("ip", "netns", "exec", site.left.name, "wg", "show", "wg0", "listen-port").strip()


def test_two_runs_at_once(site: Site, ledger: Ledger) -> None:
    with injected(site, ledger, "interface: two runs at once"):
        results = [multiprocessing.get_context("fork").Process(target=site.run()) for _run in range(3)]
        for process in results:
            process.start()
        for process in results:
            process.join()
        assert [process.exitcode for process in results] == [0, 0, 0]
        assert changes(site.run(), site.work) == [False, False]


def test_a_run_that_does_not_end(site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.5)
    script = f"from {lock.__name__} import interface_lock\nwith interface_lock('wg0'): print(1, flush=True); input()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        injected(site, ledger, "interface: another run has been held up"),
        subprocess.Popen([sys.executable, "-c", script], **pipes) as other,
    ):
        assert other.stdout is not None
        other.stdout.readline()
        site.refused(f"process {other.pid} (python", "wait until it ends, or stop it, and run again")


def unload(module_name: str, seconds: float = 60) -> None:
    """The kernel takes a moment to be rid of the namespaces of earlier tests, and of the interfaces in them."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            run("rmmod", module_name)
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def test_no_wireguard_in_the_kernel(ledger: Ledger, pair: tuple[Host, Host], tmp_path: Path) -> None:
    """The ping is between the hosts themselves, as there can be no tunnel."""
    left, right = pair
    options = {"interface": "wg0", "private_key_file": str(key_file(right, tmp_path)), "addresses": ["10.9.0.1/24"]}
    blocked = Path("/etc/modprobe.d/faults.conf")
    with (
        ledger.watched(Ping(left, "192.0.2.2")) as injections,
        injections.fault("interface: no WireGuard in the kernel"),
    ):
        blocked.write_text("install wireguard /bin/false\n")
        try:
            unload("wireguard")
            with right.entered():
                message = message_of(module("interface", options), tmp_path)
            said(message, "create interface wg0", "EOPNOTSUPP", "load the module 'wireguard' or run Linux 5.6 or later")
        finally:
            blocked.unlink()
            run("modprobe", "wireguard")
