# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""forwarding: against a made-up /proc and /sys, and against this machine's own in check mode."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.forwarding import (
    HEADER,
    ForwardingResult,
    KernelSettings,
    ensure_forwarding,
    parse_settings,
    render_settings,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import run_module

IPV4 = "net/ipv4/ip_forward"
IPV6 = "net/ipv6/conf/all/forwarding"


class Host:
    """A host's settings in a folder, written down in the order in which they change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "etc/sysctl.d" / "99-wireguard-forwarding.conf"
        self.file.parent.mkdir(parents=True)
        self.file.parent.chmod(0o755)
        (root / "sys/class/net").mkdir(parents=True)
        (root / "sys/class/net/bonding_masters").touch()
        self.set(IPV4, "0")
        self.set(IPV6, "0")
        self.link("lo", "1", flags=0x9)

    def set(self, key: str, value: str) -> None:
        path = self.root / "proc/sys" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")

    def get(self, key: str) -> str:
        return (self.root / "proc/sys" / key).read_text().strip()

    def link(
        self,
        name: str,
        accept_ra: str,
        uevent: str = "",
        master: bool = False,
        disable_ipv6: str = "0",
        flags: int = 0x1003,
    ) -> None:
        link = self.root / "sys/class/net" / name
        link.mkdir()
        (link / "flags").write_text(f"{flags:#x}\n")
        (link / "uevent").write_text(f"{uevent}INTERFACE={name}\n")
        if master:
            (link / "master").mkdir()
        self.set(f"net/ipv6/conf/{name}/accept_ra", accept_ra)
        self.set(f"net/ipv6/conf/{name}/disable_ipv6", disable_ipv6)

    def accept_ra(self, name: str) -> str:
        return self.get(f"net/ipv6/conf/{name}/accept_ra")

    def run(self, ipv4: bool | None = None, ipv6: bool | None = None, check: bool = False) -> ForwardingResult:
        return ensure_forwarding(ipv4, ipv6, str(self.file), check, str(self.root))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_check_then_on_then_kept(host: Host) -> None:
    checked = host.run(True, True, check=True)
    assert (host.get(IPV4), host.get(IPV6), host.file.exists()) == ("0", "0", False)
    done = host.run(True, True)
    assert done == checked
    assert done.changed
    assert (host.get(IPV4), host.get(IPV6)) == ("1", "1")
    assert host.file.read_text() == f"{HEADER}\nnet.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n"
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o644
    assert done.live == (
        "net.ipv4.ip_forward = 0\nnet.ipv6.conf.all.forwarding = 0\n",
        "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n",
    )
    assert done.file == ("", host.file.read_text())
    kept = host.run(True, True)
    assert not kept.changed
    assert kept.live[0] == kept.live[1]
    assert kept.file[0] == kept.file[1]


def test_a_family_that_is_not_given_is_left_alone(host: Host) -> None:
    host.run(ipv4=True)
    assert (host.get(IPV4), host.get(IPV6)) == ("1", "0")
    host.run(ipv6=True)
    assert (host.get(IPV4), host.get(IPV6)) == ("1", "1")
    assert parse_settings(host.file.read_text()) == {IPV4: "1", IPV6: "1"}
    assert not host.run(ipv4=True).changed


def test_off_is_off_now_and_later(host: Host) -> None:
    host.run(True, True)
    assert host.run(False, False).changed
    assert (host.get(IPV4), host.get(IPV6)) == ("0", "0")
    assert parse_settings(host.file.read_text()) == {IPV4: "0", IPV6: "0"}
    assert not host.run(False, False).changed


@pytest.mark.parametrize("drift", ["kernel", "file", "mode"])
def test_drift_is_mended(host: Host, drift: str) -> None:
    host.run(True, True)
    if drift == "kernel":
        host.set(IPV4, "0")
    elif drift == "file":
        host.file.unlink()
    else:
        host.file.chmod(0o666)
    assert host.run(True, True, check=True).changed
    assert host.run(True, True).changed
    assert not host.run(True, True).changed
    assert host.get(IPV4) == "1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# mine\n-net.core.rmem_max = 5\nnet/ipv4/ip_forward = 1\n", "not written by this module; give another path"),
        ("\n", "not written by this module"),
        (f"{HEADER}\nnet.ipv4.ip_forward = 1\nnet.core.rmem_max = 5\n", r"line 4 has net\.core\.rmem_max, which this "),
        (
            f"{HEADER}\n-net.ipv4.conf.all.rp_filter\n",
            r"line 3 has net\.ipv4\.conf\.all\.rp_filter, .*; move that line",
        ),
        (f"{HEADER}\n-net.ipv4.ip_forward\n", "line 3 has net.ipv4.ip_forward, which"),
    ],
)
def test_a_file_with_lines_of_others_is_refused_and_stays(host: Host, text: str, problem: str) -> None:
    host.file.write_text(text)
    with pytest.raises(InputError, match=problem):
        host.run(ipv4=True)
    assert (host.file.read_text(), host.get(IPV4)) == (text, "0")


def test_a_file_that_is_not_read_at_boot_is_refused(host: Host) -> None:
    host.file = host.file.with_suffix(".txt")
    with pytest.raises(InputError, match=r"not read at boot, as its name does not end in \.conf; add \.conf"):
        host.run(ipv4=True)


def test_the_file_is_written_as_a_whole(host: Host) -> None:
    host.run(ipv4=True)
    written = host.file.read_text()
    host.file.write_text(written.replace("net.ipv4", "# note\nnet.ipv4"))
    assert host.run(ipv4=True).changed
    assert host.file.read_text() == written


@pytest.mark.parametrize(
    ("path", "text", "line", "said"),
    [
        ("etc/sysctl.d/99-zz.conf", "\nnet.ipv4.ip_forward=0\n", 2, "net.ipv4.ip_forward = 0"),
        ("usr/lib/sysctl.d/99-zz.conf", "net.ipv4.ip_forward = 0", 1, "net.ipv4.ip_forward = 0"),
        ("run/sysctl.d/zz.conf", "- net/ipv4/conf/all/forwarding = 0", 1, "net.ipv4.conf.all.forwarding = 0"),
        ("usr/local/lib/sysctl.d/zz.conf", "-net.ipv4.ip_forward", 1, "-net.ipv4.ip_forward"),
        ("etc/sysctl.conf", "# off\nnet.ipv4.ip_forward = 0", 2, "net.ipv4.ip_forward = 0"),
    ],
)
def test_a_file_that_overrides_ours_is_named(host: Host, path: str, text: str, line: int, said: str) -> None:
    other = host.root / path
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text(text)
    later = ", or use a file name that sorts later" if "sysctl.d" in path else ""
    for check in (True, False):
        done = host.run(ipv4=True, check=check)
        assert done.changed
        (warning,) = done.warnings
        assert warning.startswith(
            f"{other}, line {line}: {said} is read after {host.file} and overrides it, at boot or "
        )
        assert warning.endswith(f"Remove that line{later}.")
    again = host.run(ipv4=True)
    assert (again.changed, again.warnings) == (False, done.warnings)
    assert other.read_text() == text
    assert host.run(ipv6=True).warnings == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/sysctl.d/99-sysctl.conf", "net.ipv4.ip_forward = 0"),  # it is read before
        ("etc/sysctl.d/99-zz.conf", "net.ipv4.ip_forward = 1"),  # it says the same
        ("etc/sysctl.d/99-zz.conf", "# net.ipv4.ip_forward = 0\n; net.ipv4.ip_forward = 0\nnet.ipv4.ip_forward"),
        (
            "etc/sysctl.d/99-zz.conf",
            "net.ipv4.ip_forward = 0\nnet.ipv4.conf.all.forwarding = 1",
        ),  # the last line counts
        ("etc/sysctl.d/99-zz.conf", "net.ipv4.conf.*.forwarding = 0"),  # a pattern leaves out what is set by its name
        ("etc/sysctl.d/99-zz", "net.ipv4.ip_forward = 0"),  # it is not read
        ("usr/lib/sysctl.d/99-wireguard-forwarding.conf", "net.ipv4.ip_forward = 0"),  # ours hides it
    ],
)
def test_a_file_that_does_not_override_ours_is_not_named(host: Host, path: str, text: str) -> None:
    other = host.root / path
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text(text)
    assert host.run(ipv4=True).warnings == ()


def test_a_file_that_is_hidden_by_one_of_its_name_is_not_named(host: Host) -> None:
    """A link to /dev/null is how one is switched off."""
    (host.root / "usr/lib/sysctl.d").mkdir(parents=True)
    (host.root / "usr/lib/sysctl.d/99-zz.conf").write_text("net.ipv4.ip_forward = 0")
    (host.root / "etc/sysctl.d/99-zz.conf").symlink_to("/dev/null")
    assert host.run(ipv4=True).warnings == ()


def test_a_link_that_brings_sysctl_conf_in_later_is_named(host: Host) -> None:
    (host.root / "etc/sysctl.conf").write_text("net.ipv6.conf.all.forwarding = 0")
    (host.root / "etc/sysctl.d/99-zz.conf").symlink_to("../sysctl.conf")
    (host.root / "etc/sysctl.d/zz.conf").symlink_to("nowhere")
    (warning,) = host.run(ipv6=True).warnings
    assert warning.startswith(f"{host.root}/etc/sysctl.conf, line 1: net.ipv6.conf.all.forwarding = 0 is read after")


def links(host: Host) -> None:
    host.link("eth0", "1")
    host.link("eth1", "0")  # systemd-networkd does it itself
    host.link("eth2", "2")
    host.link("eth0.100", "1", "DEVTYPE=vlan\n")
    host.link("port0", "1", master=True)
    host.link("down0", "1", flags=0x1002)
    host.link("veth0", "1", disable_ipv6="1")
    host.link("wg7", "1", "DEVTYPE=wireguard\n")
    host.set("net/ipv6/conf/default/accept_ra", "1")
    host.set("net/ipv6/conf/all/accept_ra", "1")


def test_uplinks_go_on_heeding_advertisements(host: Host) -> None:
    links(host)
    checked = host.run(ipv6=True, check=True)
    assert host.accept_ra("eth0") == "1"
    assert host.run(ipv6=True) == checked
    for name in ("eth0", "eth0.100", "eth2"):
        assert host.accept_ra(name) == "2"
    for name in ("lo", "port0", "down0", "veth0", "wg7", "default", "all"):
        assert host.accept_ra(name) == "1"
    assert host.accept_ra("eth1") == "0"
    assert "\nnet.ipv6.conf.eth0.accept_ra = 2\n" in host.file.read_text()
    assert "\nnet/ipv6/conf/eth0.100/accept_ra = 2\n" in host.file.read_text()
    assert not host.run(ipv6=True).changed


def test_a_link_that_comes_later_is_no_change_and_not_heeded(host: Host) -> None:
    links(host)
    host.run(ipv6=True)
    host.link("eth9", "1")
    assert not host.run(ipv6=True).changed
    assert host.accept_ra("eth9") == "1"


def test_a_link_that_is_gone_is_no_change(host: Host) -> None:
    links(host)
    host.run(ipv6=True)
    (host.root / "proc/sys/net/ipv6/conf/eth2/accept_ra").unlink()
    assert not host.run(ipv6=True).changed


def test_a_link_that_goes_back_is_mended(host: Host) -> None:
    links(host)
    host.run(ipv6=True)
    host.set("net/ipv6/conf/eth0/accept_ra", "1")
    assert host.run(ipv6=True).changed
    assert host.accept_ra("eth0") == "2"


def test_where_forwarding_is_on_already_advertisements_are_lost_already(host: Host) -> None:
    links(host)
    host.set(IPV6, "1")
    host.run(ipv6=True)
    assert host.accept_ra("eth0") == "1"


def test_advertisements_come_before_forwarding(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    links(host)
    written: list[str] = []
    monkeypatch.setattr(KernelSettings, "write", lambda _kernel, key, _value: written.append(key))
    host.run(True, True)
    assert written[-2:] == [IPV4, IPV6]
    assert all(key.endswith("accept_ra") for key in written[:-2])


@pytest.mark.parametrize("after", range(5))
def test_a_run_that_is_cut_short_is_finished_by_the_next(
    host: Host, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    links(host)
    write, count = KernelSettings.write, iter(range(100))

    def fail(self: KernelSettings, key: str, value: str) -> None:
        if next(count) == after:
            raise KeyboardInterrupt
        write(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(KernelSettings, "write", fail)
        with pytest.raises(KeyboardInterrupt):
            host.run(True, True)
        assert not host.file.exists()
    host.run(True, True)
    settings = parse_settings(host.file.read_text())
    assert settings == dict.fromkeys((IPV4, IPV6), "1") | {
        f"net/ipv6/conf/{name}/accept_ra": "2" for name in ("eth0", "eth2", "eth0.100")
    }
    assert (host.get(IPV4), host.get(IPV6), host.accept_ra("eth0")) == ("1", "1", "2")


def test_a_kernel_that_does_not_take_it_is_an_error(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", lambda *_args, **_named: 0)
    with pytest.raises(OSError, match=f"the kernel did not accept 1 for {IPV4}"):
        host.run(ipv4=True)
    assert not host.file.exists()


def test_a_kernel_without_ipv6(host: Host) -> None:
    (host.root / "proc/sys" / IPV6).unlink()
    with pytest.raises(InputError, match=r"ipv6 True: the kernel has no net/ipv6.*; enable the protocol, or leave"):
        host.run(True, True)
    assert host.get(IPV4) == "0"
    assert not host.run(ipv6=False).changed
    assert not host.file.exists()


def test_settings_survive_their_text() -> None:
    settings = {IPV4: "1", "net/ipv6/conf/eth0.100/accept_ra": "2", "kernel/core_pattern": "|/x = y"}
    assert parse_settings(render_settings(settings)) == settings
    assert parse_settings("; no\n# no\n\n-a.b = 1\n/c.d/e=2") == {"a/b": "1", "/c.d/e": "2"}


def test_the_module(tmp_path: Path) -> None:
    path = tmp_path / "forwarding.conf"
    run = run_module("forwarding", {"ipv4": True, "path": str(path)}, check=True, diff=True)
    assert run.changed is True
    kernel, file = run.result["diff"]
    assert kernel["after"] == "net.ipv4.ip_forward = 1\n"
    assert file == {
        "before_header": str(path),
        "after_header": str(path),
        "before": "",
        "after": f"{HEADER}\n{kernel['after']}",
    }
    assert not path.exists()
    assert "one of the following is required: ipv4, ipv6" in run_module("forwarding", {}).message
