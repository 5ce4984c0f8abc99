# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface in a network namespace of its host, its sockets there or outside.

``left`` stands for the host itself: the module runs in it, and what is the host's own namespace is this one.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.applying import ensure_absent
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import ensure_present
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface_info import read_running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.ping import send_pings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.running import is_up_to_date
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError, ConvergeResult
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.reader import SharedSockets
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import DIRECTORY
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    described,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace, connect, run
from ansible_collections.cryptokey.wireguard.tests.kernel.test_wg_quick import cases

WHOLE: dict[str, Any] = {"netns": "vpn", "birth_netns": "vpn"}
APART: dict[str, Any] = {"netns": "vpn"}


class Managed:
    """The host whose interface is managed, by what the modules call, with the namespaces ``vpn`` and ``birth``."""

    def __init__(self, host: Host, vpn: Namespace, birth: Namespace, key: Path) -> None:
        self.host = host
        self.vpn = vpn
        self.birth = birth
        key.touch(0o600)
        key.write_text(host.private_key.reveal_base64())
        self.given = {"interface": "wg0", "private_key_file": str(key)}
        self.warnings: list[str] = []

    def present(self, check_mode: bool = False, **options: Any) -> ConvergeResult:
        self.warnings.clear()
        with self.host.entered():
            return ensure_present({**self.given, **options}, check_mode, self.warnings)

    def is_up_to_date(self, shared: SharedSockets | None = None, **options: Any) -> bool:
        with self.host.entered():
            return is_up_to_date({**self.given, **options}, False, [], shared)

    def absent(self, check_mode: bool = False, **options: Any) -> ConvergeResult:
        with self.host.entered():
            return ensure_absent({**self.given, **options}, check_mode)

    def twice(self, **options: Any) -> list[str]:
        """Check mode, the run, the run again: the first two say the same, the third nothing."""
        foretold = self.present(check_mode=True, **options)
        assert not (foretold.operations and self.is_up_to_date(**options))
        done = self.present(**options)
        assert described(foretold) == described(done)
        assert show_difference(foretold.before, foretold.after, {}) == show_difference(done.before, done.after, {})
        assert described(self.present(**options)) == []
        assert self.is_up_to_date(**options)
        return described(done)

    def read(self, netns: str = "", birth: str = "") -> RunningState:
        with self.host.entered():
            return comparable(kernel.HostKernel(netns, birth).read("wg0"))


@pytest.fixture
def managed(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Managed]:
    vpn, birth = Namespace("vpn"), Namespace("birth")
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    with ExitStack() as stack:
        for namespace in (vpn, birth):
            namespace.create()
            stack.callback(run, "sh", "-c", f"! test -e /run/netns/{namespace.name} || ip netns del {namespace.name}")
        yield Managed(pair[0], vpn, birth, tmp_path / "wg0.key")
    shutil.rmtree(DIRECTORY, ignore_errors=True)


def as_host(namespaces: dict[str, Any]) -> dict[str, str]:
    """The options of a module as arguments of the kernel's host."""
    return {"netns": namespaces.get("netns", ""), "birth": namespaces.get("birth_netns", "")}


def listens(namespace: Namespace, port: int = 51821) -> bool:
    return f":{port} " in namespace.run("ss", "-uln")


def links(namespace: Namespace) -> list[str]:
    return [line.split(":")[1].strip() for line in namespace.run("ip", "-o", "link").splitlines()]


def routing(namespace: Namespace) -> list[str]:
    commands = ("-4 address", "-4 route show table all", "-4 rule", "-6 rule")
    return [namespace.run("ip", *command.split()) for command in commands]


def both_ends(managed: Managed, right: Host, **more: Any) -> dict[str, Any]:
    """Brings the other end up and returns the options of this one."""
    options, others = tunnel(managed.host, right)
    right.converge(**others)
    return {**options, "listen_port": 51821, **more}


def test_the_sockets_stay_outside_and_the_interface_is_in_the_namespace(
    pair: tuple[Host, Host], managed: Managed
) -> None:
    _left, right = pair
    options = both_ends(managed, right, **APART)
    done = managed.twice(**options)
    assert done[0] == "create interface wg0"
    assert (listens(managed.host), listens(managed.vpn)) == (True, False)
    assert ("wg0" in links(managed.host), links(managed.vpn)) == (False, ["lo", "wg0"])
    for address in ("10.9.0.2", "fd09::2"):
        managed.vpn.ping(address)
    assert str(right.peer(managed.host).endpoint) == "192.0.2.1:51821"
    target = {"targets": [{"name": "right", "address": "10.9.0.2"}], "interface": "wg0", "count": 1, "timeout": 5}
    with managed.host.entered():
        answers = [send_pings({**target, **where}, shutil.which("ping")) for where in (APART, {}, {"netns": "nowhere"})]
    assert [answer["reachable"] for (answer,) in answers] == [True, False, False]


def test_several_interfaces_are_compared_through_shared_sockets(managed: Managed) -> None:
    given: list[dict[str, Any]] = [
        {"interface": "wg0", "addresses": ["10.200.0.1/24"], "peers": strangers(3)},
        {"interface": "wg1", "addresses": ["10.201.0.1/24"], "peers": strangers(2), **APART},
        {"interface": "wg2", "addresses": ["10.202.0.1/24"], "peers": strangers(1), **APART},
    ]
    # The peers of two interfaces have the same prefixes.
    for options in given:
        options["table"] = "off"
        assert managed.twice(**options)
    managed.vpn.run("ip", "address", "add", "10.203.0.1/24", "dev", "wg1")
    managed.host.run("ip", "link", "set", "wg0", "mtu", "1300")
    with SharedSockets() as shared:
        assert [managed.is_up_to_date(shared, **options) for options in given] == [True, False, True]
        assert not managed.is_up_to_date(shared, **{**given[0], "mtu": 1420})
    with SharedSockets() as shared:
        changed = [bool(managed.present(**options).operations) for options in given]
        assert changed == [False, True, False]
        assert all(managed.is_up_to_date(shared, **options) for options in given)


def test_an_interface_lives_in_a_namespace_whole(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    connect(managed.vpn, "198.51.100.1/24", right, "198.51.100.2/24")
    options = both_ends(managed, right, **WHOLE)
    options["peers"][0]["endpoint"] = "198.51.100.2:51820"
    assert managed.twice(**options)[0] == "create interface wg0"
    assert (listens(managed.host), listens(managed.vpn)) == (False, True)
    assert "wg0" not in links(managed.host)
    for address in ("10.9.0.2", "fd09::2"):
        managed.vpn.ping(address)


def test_an_interface_of_the_host_has_its_sockets_in_a_namespace(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    connect(managed.birth, "198.51.100.1/24", right, "198.51.100.2/24")
    options = both_ends(managed, right, birth_netns="birth")
    options["peers"][0]["endpoint"] = "198.51.100.2:51820"
    managed.twice(**options)
    assert (listens(managed.host), listens(managed.birth)) == (False, True)
    assert ("wg0" in links(managed.host), "wg0" in links(managed.birth)) == (True, False)
    managed.host.ping("10.9.0.2")


@pytest.mark.parametrize("namespaces", [APART, WHOLE])
def test_every_operation_is_done_in_the_namespace(managed: Managed, namespaces: dict[str, Any]) -> None:
    managed.host.run("ip", "address", "add", "10.200.0.9/24", "dev", "lo")
    before = routing(managed.host)
    full = {**strangers(3)[2], "allowed_ips": ["0.0.0.0/0", "::/0"]}
    managed.twice(addresses=["10.200.0.1/24"], peers=strangers(2), fwmark=7, **namespaces)
    managed.twice(addresses=["10.200.0.2/24", "fd01::1/64"], peers=[*strangers(1), full], mtu=1300, **namespaces)
    managed.twice(addresses=["10.200.0.3/24"], peers=strangers(1), fwmark=0, **namespaces)
    assert routing(managed.host) == before


def test_in_the_namespace_everything_goes_through_the_tunnel(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    right.run("ip", "address", "add", "203.0.113.7/32", "dev", "lo")
    managed.host.run("ip", "route", "add", "default", "via", "192.0.2.2")
    managed.host.ping("203.0.113.7")
    with pytest.raises(RuntimeError, match="Network is unreachable"):
        managed.vpn.ping("203.0.113.7")
    options = both_ends(managed, right, **APART)
    options["peers"][0]["allowed_ips"] = ["0.0.0.0/0", "::/0"]
    managed.twice(**options)
    state = managed.read("vpn")
    assert (state.rules, state.netfilter, state.device.fwmark) == (frozenset(), {}, 0)
    assert {str(route) for route in state.routes} == {"0.0.0.0/0", "::/0"}
    managed.vpn.ping("203.0.113.7")
    # The far end lets the peer send from its own address alone, so that what comes did come by the tunnel.
    assert "src 10.9.0.1" in managed.vpn.run("ip", "route", "get", "203.0.113.7")
    assert "dev wg0" in managed.vpn.run("ip", "route", "get", "2001:db8::1")
    assert right.peer(managed.host).transfer_rx > 0
    managed.vpn.run("ip", "link", "set", "wg0", "down")
    with pytest.raises(RuntimeError, match="Network is unreachable"):
        managed.vpn.ping("203.0.113.7")


def test_the_mtu_is_that_of_the_path_from_the_sockets(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    managed.host.run("ip", "link", "set", "right", "mtu", "1400")
    managed.twice(**both_ends(managed, right, **APART))
    assert managed.read("vpn").mtu == 1320


def test_the_scope_of_an_endpoint_is_an_interface_where_the_sockets_are(
    pair: tuple[Host, Host], managed: Managed
) -> None:
    left, right = pair
    # Those that the kernel gives come when it finds the time.
    left.run("ip", "address", "add", "fe80::1/64", "dev", "right", "nodad")
    right.run("ip", "address", "add", "fe80::2/64", "dev", "left", "nodad")
    options = both_ends(managed, right, **APART)
    options["peers"][0]["endpoint"] = "[fe80::2%right]:51820"
    managed.twice(**options)
    assert str(managed.read("vpn").device.peers[right.public_key].endpoint) == "[fe80::2%right]:51820"
    managed.vpn.ping("10.9.0.2", count=5)


def test_info_and_diff_say_the_namespace(managed: Managed) -> None:
    outcome = managed.present(listen_port=51821, **APART)
    difference = show_difference(outcome.before, outcome.after, {})
    assert (difference["before"], difference["after"]["netns"]) == ({}, "vpn")
    with managed.host.entered():
        assert read_running(["wg0"]) == read_running(None) == read_running(["wg0"], "nowhere") == []
        (found,) = read_running(["wg0"], "vpn")
        assert [found] == read_running(None, "vpn")
    assert (found["netns"], found["listen_port"]) == ("vpn", 51821)


@pytest.mark.parametrize("namespaces", [APART, WHOLE])
def test_absent_removes_it_there_and_only_once(managed: Managed, namespaces: dict[str, Any]) -> None:
    full = {**strangers(3)[2], "allowed_ips": ["0.0.0.0/0"]}
    managed.present(peers=[*strangers(2), full], **namespaces)
    foretold = described(managed.absent(check_mode=True, netns="vpn"))
    assert described(managed.absent(netns="vpn")) == foretold != []
    assert described(managed.absent(netns="vpn")) == []
    assert links(managed.vpn) == ["lo"]
    assert "suppress_prefixlength" not in managed.vpn.run("ip", "rule")
    assert managed.read("vpn").netfilter == {}


def test_absent_finds_it_where_it_was_put(managed: Managed) -> None:
    managed.present(**APART)
    assert described(managed.absent()) == ["delete interface wg0"]
    assert described(managed.absent()) == []


def test_in_a_namespace_that_is_gone_it_is_absent(managed: Managed) -> None:
    managed.present(**APART)
    run("ip", "netns", "delete", "vpn")
    assert described(managed.absent(netns="vpn")) == []
    assert described(managed.absent(netns="nowhere")) == []


@pytest.mark.parametrize("option", ["netns", "birth_netns"])
def test_a_namespace_that_is_not_there_is_refused(managed: Managed, option: str) -> None:
    options: dict[str, Any] = {"addresses": ["10.9.0.1/24"], option: "new"}
    with pytest.raises(InputError, match=f"{option} 'new': there is no such network namespace; .*'ip netns add new'"):
        managed.present(**options)
    assert not managed.read().exists
    foretold = described(managed.present(check_mode=True, **options))
    (warning,) = managed.warnings
    assert warning.startswith(f"{option} 'new': there is no such network namespace")
    run("ip", "netns", "add", "new")
    try:
        assert described(managed.present(**options)) == foretold
    finally:
        managed.absent(netns="new")
        managed.absent()
        run("ip", "netns", "delete", "new")


def test_a_first_run_that_fails_leaves_no_interface(managed: Managed) -> None:
    with managed.host.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken, pytest.raises(ConvergeError, match=r"UDP port.*restored"):
        managed.present(listen_port=51999, **APART)
    assert (links(managed.vpn), "wg0" in links(managed.host)) == (["lo"], False)


def test_an_interface_moves_when_the_options_change(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    options = both_ends(managed, right)
    managed.present(**options)
    managed.host.ping("10.9.0.2")
    before = managed.read()
    moved = managed.twice(**options, **APART)
    assert moved == [
        "move interface wg0 to netns vpn",
        "add address 10.9.0.1/24",
        "add address fd09::1/64",
        "set up",
    ]
    assert managed.read("vpn").device == before.device
    assert (listens(managed.host), "wg0" in links(managed.host)) == (True, False)
    managed.vpn.ping("10.9.0.2")
    assert managed.twice(**options)[0] == "move interface wg0 to the host's netns"
    managed.host.ping("10.9.0.2")
    assert managed.read() == before


def test_an_interface_comes_out_of_the_namespace_of_its_sockets(managed: Managed) -> None:
    managed.present(listen_port=51821, netns="birth", birth_netns="birth")
    assert managed.twice(listen_port=51821, birth_netns="birth")[0] == "move interface wg0 to the host's netns"
    assert (listens(managed.birth), listens(managed.host)) == (True, False)


def full_tunnel(managed: Managed, right: Host) -> dict[str, Any]:
    options = both_ends(managed, right)
    options["peers"][0]["allowed_ips"] = ["0.0.0.0/0", "::/0"]
    return options


def test_a_full_tunnel_that_moves_leaves_nothing_behind(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    options = full_tunnel(managed, right)
    managed.present(**options)
    managed.twice(**options, **APART)
    assert "suppress_prefixlength" not in managed.host.run("ip", "rule")
    assert "wg-quick-wg0" not in managed.host.run("nft", "list", "tables")
    assert managed.read("vpn").device.fwmark == 0
    managed.vpn.ping("10.9.0.2")


def test_a_move_that_fails_is_undone(pair: tuple[Host, Host], managed: Managed) -> None:
    _left, right = pair
    options = full_tunnel(managed, right)
    managed.present(**options)
    before = managed.read()
    with managed.host.entered():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 51999))
    with taken, pytest.raises(ConvergeError, match=r"UDP port.*The previous state has been restored"):
        managed.present(**{**options, "listen_port": 51999, "addresses": ["10.9.0.7/24"]}, **APART)
    assert managed.read() == before
    assert links(managed.vpn) == ["lo"]
    managed.host.ping("10.9.0.2")


def test_an_interface_of_another_kind_is_not_moved(managed: Managed) -> None:
    managed.host.run("ip", "link", "add", "wg0", "type", "dummy")
    assert managed.twice(**WHOLE)[0] == "create interface wg0"
    assert "wg0" in links(managed.host)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(APART, WHOLE, id="from outside to within"),
        pytest.param(WHOLE, APART, id="from within to outside"),
        pytest.param({}, WHOLE, id="moved and made elsewhere"),
    ],
)
def test_sockets_cannot_move(managed: Managed, first: dict[str, Any], then: dict[str, Any]) -> None:
    managed.present(listen_port=51821, addresses=["10.9.0.1/24"], **first)
    before = managed.read(first.get("netns", ""), first.get("birth_netns", ""))
    for check_mode in (True, False):
        with pytest.raises(
            InputError, match=r"birth_netns.*sockets are in another or a deleted network namespace.*state=absent"
        ):
            managed.present(check_mode=check_mode, mtu=1300, **then)
    assert managed.read(first.get("netns", ""), first.get("birth_netns", "")) == before
    managed.absent(**then)
    managed.absent()
    managed.twice(listen_port=51821, **then)
    managed.absent(**then)


def test_sockets_that_turn_out_to_be_elsewhere_are_a_failure(managed: Managed) -> None:
    managed.present(listen_port=51821, **APART)
    managed.vpn.run("ip", "link", "set", "wg0", "down")
    with pytest.raises(ConvergeError, match=r"sockets are in another.*The previous state has been restored"):
        managed.present(listen_port=51821, **WHOLE)
    assert not managed.read("vpn").up


def test_when_the_birth_namespace_is_gone_it_is_said(managed: Managed) -> None:
    options: dict[str, Any] = {"netns": "vpn", "birth_netns": "birth"}
    managed.present(listen_port=51821, **options)
    run("ip", "netns", "delete", "birth")
    with pytest.raises(InputError, match="birth_netns 'birth': there is no such network namespace"):
        managed.present(**options)
    managed.birth.create()
    with pytest.raises(InputError, match=r"in another or a deleted network namespace.*state=absent"):
        managed.present(**options)
    managed.vpn.run("ip", "link", "set", "wg0", "down")
    with pytest.raises(ConvergeError, match=r"ENONET\); the network namespace where .* is gone: remove the interface"):
        managed.present(**options)
    with pytest.raises(
        ConvergeError, match=r"EPERM\).*the network namespace where the interface was created may be gone"
    ):
        managed.present(listen_port=51999, **options)
    managed.absent(netns="vpn")
    managed.twice(listen_port=51821, **options)
    assert listens(managed.birth)


def startup_file(path: Path, host: Host, options: dict[str, Any]) -> str:
    file = path / "wg0.conf"
    file.touch(0o600)
    desired = parse_interface({"interface": "wg0", **options}, host.private_key)
    file.write_text(render(overlay(desired, WgQuickFile())))
    return str(file)


@pytest.mark.usefixtures("vpn_table")
@pytest.mark.parametrize(
    ("case", "namespaces"),
    [
        *((case, APART) for case in cases(Host("left"), Host("right"))),
        ("everything", WHOLE),
        ("everything", {"netns": "vpn", "birth_netns": "birth"}),
    ],
)
def test_startup_and_the_engine_agree(
    pair: tuple[Host, Host], managed: Managed, tmp_path: Path, case: str, namespaces: dict[str, Any]
) -> None:
    options = {**cases(*pair)[case], **namespaces}
    where = namespaces.get("birth_netns", "left")
    managed.present(**options)
    ours = managed.read(**as_host(namespaces))
    managed.absent(netns="vpn")
    file = startup_file(tmp_path, managed.host, options)
    run("ip", "netns", "exec", where, "wg-quick", "up", file)
    assert managed.read(**as_host(namespaces)) == ours
    assert described(managed.present(**options)) == []
    run("ip", "netns", "exec", "vpn", "wg-quick", "down", file)
    gone = managed.read(**as_host(namespaces))
    assert (gone.exists, gone.rules, gone.netfilter) == (False, frozenset(), {})


class Outermost(Host):
    """The machine itself, the namespace of its process 1."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        yield


def test_startup_and_the_engine_agree_on_an_interface_in_the_hosts_own_namespace(
    managed: Managed, tmp_path: Path
) -> None:
    managed.host = Outermost("left")
    options: dict[str, Any] = {
        "birth_netns": "birth",
        "addresses": ["10.200.0.1/24", "fd20::1/64"],
        "listen_port": 51821,
        "peers": strangers(2),
    }
    managed.present(**options)
    try:
        ours = managed.read(birth="birth")
        managed.absent()
        file = startup_file(tmp_path, managed.host, options)
        run("ip", "netns", "exec", "birth", "wg-quick", "up", file)
        assert managed.read(birth="birth") == ours
        assert described(managed.present(**options)) == []
        run("wg-quick", "down", file)
        assert not managed.read().exists
    finally:
        managed.absent()
