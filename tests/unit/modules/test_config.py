# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config, run as Ansible runs it."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import HEADER
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import run_module, run_task

PRIVATE = PrivateKey(b"private key, thirty-two bytes ok")
PRESHARED = base64.b64encode(b"preshared key, also 32 bytes, ok").decode()
OTHER_PRESHARED = base64.b64encode(b"another preshared key, 32 bytes.").decode()
SECRETS = [PRIVATE.reveal_base64(), PRIVATE.reveal_bytes().hex(), PRESHARED, OTHER_PRESHARED]
HUB, PHONE = (str(PublicKey(letter * 32)) for letter in (b"h", b"p"))
PEER = {
    "name": "hub",
    "public_key": HUB,
    "preshared_key": PRESHARED,
    "endpoint": "192.95.5.69:51820",
    "allowed_ips": ["0.0.0.0/0", "10.192.122.1/24"],
    "persistent_keepalive": 25,
}
OPTIONS = {"listen_port": 21841, "addresses": ["10.192.122.3/32"], "peers": [PEER], "mtu": 1380}


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    key = tmp_path / "wg0.key"
    key.write_text(PRIVATE.reveal_base64() + "\n")
    key.chmod(0o600)
    return {
        "interface": "wg0",
        "path": str(tmp_path / "wireguard" / "wg0.conf"),
        "private_key_file": str(key),
        **OPTIONS,
    }


def conf(arguments: dict[str, Any], text: str) -> Path:
    path = Path(arguments["path"])
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def quietly(run: Any) -> Any:
    """The run, of which no byte has a secret."""
    assert not any(secret in run.output for secret in SECRETS)
    return run


def test_check_then_write_then_keep(arguments: dict[str, Any]) -> None:
    path = Path(arguments["path"])
    checked = quietly(run_module("config", arguments, check=True, diff=True))
    assert not path.parent.exists()
    written = quietly(run_module("config", arguments, diff=True))
    assert written.result["diff"] == checked.result["diff"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    kept = quietly(run_module("config", arguments, diff=True))
    checked_again = quietly(run_module("config", arguments, check=True))
    assert [run.changed for run in (checked, written, kept, checked_again)] == [True, True, False, False]
    assert kept.result["diff"]["before"] == kept.result["diff"]["after"] == written.result["diff"]["after"]

    text = path.read_text()
    assert text.startswith(f"{HEADER}\n[Interface]\nPrivateKey = {PRIVATE.reveal_base64()}\nListenPort = 21841\n")
    assert text.count("PostUp = nft ") == 1
    assert f"[Peer]\n# friendly_name = hub\nPublicKey = {HUB}\nPresharedKey = {PRESHARED}\n" in text
    assert "AllowedIPs = 0.0.0.0/0, 10.192.122.0/24\nEndpoint = 192.95.5.69:51820\nPersistentKeepalive = 25\n" in text

    for check, changed in ((True, True), (False, True), (False, False)):
        absent = quietly(run_module("config", {**arguments, "state": "absent"}, check=check, diff=True))
        assert absent.changed is changed
        assert absent.result["diff"]["after"] == ""
    assert not path.exists()


BODY = 'chain input { type filter hook input priority filter; iifname "wg0" drop; }\n'
SCRIPT = f"""add table inet cryptokey-wg0
delete table inet cryptokey-wg0
table inet cryptokey-wg0 {{
{BODY}}}
"""


def hooks(path: Path) -> list[str]:
    return [line for line in path.read_text().split("\n") if line.startswith(("Pre", "Post"))]


def test_the_own_table_is_a_file_beside_it_that_is_loaded_first(arguments: dict[str, Any]) -> None:
    plain = {**arguments, "peers": []}
    path = conf(arguments, "[Interface]\nPreUp = echo theirs\nPostDown = echo theirs\n")
    table = path.with_suffix(".nft")
    wanted = {**plain, "nftables": BODY}
    checked = run_module("config", wanted, check=True, diff=True)
    assert not table.exists()
    written = run_module("config", wanted, diff=True)
    assert checked.result["diff"] == written.result["diff"]
    assert [each["after_header"] for each in written.result["diff"]] == [str(path), str(table)]
    assert (stat.S_IMODE(table.stat().st_mode), table.read_text().partition("\n")[2]) == (0o600, SCRIPT)
    load = f"PreUp = nft -f {table}"
    remove = "PostDown = nft 'add table inet cryptokey-wg0; delete table inet cryptokey-wg0'"
    assert hooks(path) == [load, remove, "PreUp = echo theirs", "PostDown = echo theirs"]
    for again in (wanted, plain):
        assert run_module("config", again).changed is False
    table.chmod(0o644)
    assert run_module("config", plain).changed is False
    assert [run_module("config", wanted).changed for _run in range(2)] == [True, False]
    assert [run_module("config", {**plain, "nftables": ""}).changed for _run in range(2)] == [True, False]
    assert (hooks(path), table.exists()) == (["PreUp = echo theirs", "PostDown = echo theirs"], False)


@pytest.mark.parametrize(
    ("namespaces", "inside"),
    [
        ({"netns": "vpn"}, "ip netns exec vpn "),
        ({"birth_netns": "vpn"}, "nsenter -t 1 -n "),
        ({"netns": "vpn", "birth_netns": "vpn"}, ""),
    ],
)
def test_the_own_table_is_loaded_where_the_interface_will_be(
    arguments: dict[str, Any], namespaces: dict[str, str], inside: str
) -> None:
    plain = {**arguments, "peers": [], "nftables": BODY}
    run_module("config", plain)
    path = Path(arguments["path"])
    for given, prefix in ((namespaces, inside), ({}, "")):
        assert [run_module("config", {**plain, **given}).changed for _run in range(2)][1] is False
        found = [line for line in hooks(path) if "nft" in line]
        assert [line.startswith((f"PreUp = {prefix}nft", f"PostDown = {prefix}nft")) for line in found] == [True, True]


def test_without_a_file_its_table_goes_too(arguments: dict[str, Any]) -> None:
    run_module("config", {**arguments, "nftables": BODY})
    table = Path(arguments["path"]).with_suffix(".nft")
    absent = {**arguments, "state": "absent"}
    assert run_module("config", absent, check=True).changed is True
    assert table.exists()
    assert [run_module("config", absent).changed for _run in range(2)] == [True, False]
    assert not table.exists()


def test_a_table_of_somebody_else_is_left_with_its_hook(arguments: dict[str, Any]) -> None:
    path = Path(arguments["path"])
    table = path.with_suffix(".nft")
    hook = f"PreUp = nft -f {table}"
    conf(arguments, f"[Interface]\n{hook}\n")
    table.write_text("table inet mine { }\n")
    plain = {**arguments, "peers": []}
    refused = run_module("config", {**plain, "nftables": BODY})
    assert refused.message == f"nftables: {table} was not written by this module; move or rename that file"
    run_module("config", {**plain, "nftables": ""})
    assert (hooks(path), table.read_text()) == ([hook], "table inet mine { }\n")
    run_module("config", {**plain, "state": "absent"})
    assert table.exists()


def test_a_path_that_a_hook_cannot_name_is_refused(arguments: dict[str, Any], tmp_path: Path) -> None:
    odd = {**arguments, "path": str(tmp_path / "100% own" / "wg0.conf"), "nftables": BODY}
    assert "use letters, digits and" in run_module("config", odd).message
    assert not Path(odd["path"]).parent.exists()


@pytest.mark.skipif(not shutil.which("wg-quick"), reason="wireguard-tools is not installed")
def test_wg_quick_takes_it(arguments: dict[str, Any]) -> None:
    run_module("config", arguments)
    strip = ["wg-quick", "strip", arguments["path"]]
    stripped = subprocess.run(strip, capture_output=True, text=True, check=True)
    assert stripped.stderr == ""
    assert "ListenPort = 21841" in stripped.stdout
    assert "Address" not in stripped.stdout


def test_a_changed_secret_is_told_and_not_shown(arguments: dict[str, Any]) -> None:
    run_module("config", arguments)
    changed = {**arguments, "peers": [{**PEER, "preshared_key": OTHER_PRESHARED}]}
    run = quietly(run_module("config", changed, diff=True))
    assert run.changed is True
    assert "PresharedKey = (redacted)\n" in run.result["diff"]["before"]
    assert "PresharedKey = (redacted, changes)\n" in run.result["diff"]["after"]
    assert "PrivateKey = (redacted)\n" in run.result["diff"]["after"]
    assert OTHER_PRESHARED in Path(arguments["path"]).read_text()


def test_what_is_not_given_stays_and_what_is_not_managed_too(arguments: dict[str, Any]) -> None:
    path = conf(
        arguments,
        f"[Interface]\nPrivateKey={SECRETS[0]}\nListenPort=7\nAddress=10.0.0.1/24\nDNS=1.1.1.1\nPostUp = a # b\n"
        f"[Peer]\nPublicKey={PHONE}\nAllowedIPs=10.0.0.9/32\n",
    )
    only = {name: arguments[name] for name in ("interface", "path", "private_key_file")}
    quietly(run_module("config", {**only, "mtu": 1280, "peers": [PEER], "peers_mode": "merge"}))
    lines = path.read_text().splitlines()
    for line in ("ListenPort = 7", "Address = 10.0.0.1/24", "MTU = 1280", "DNS=1.1.1.1", "PostUp = a # b"):
        assert line in lines
    assert lines.index(f"PublicKey = {PHONE}") < lines.index(f"PublicKey = {HUB}")
    quietly(run_module("config", {**only, "peers": []}))
    assert "[Peer]" not in path.read_text()


def test_the_mode_is_mended(arguments: dict[str, Any]) -> None:
    run_module("config", arguments)
    path = Path(arguments["path"])
    path.chmod(0o644)
    assert run_module("config", arguments, check=True).changed is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert run_module("config", arguments).changed is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[Interface]\nListenPort = x\n", "line 2 column 14 'x': out of range or not a number; give a number from 0"),
        ("[Interface]\nSaveConfig = true\n", "wg-quick would overwrite the file when it stops; remove the line"),
        (f"[Interface]\nPrivate = {SECRETS[0]}\n", "line 2 column 1 'Private': neither wg nor wg-quick knows"),
    ],
)
def test_a_file_that_cannot_be_managed_is_refused_and_left(arguments: dict[str, Any], text: str, problem: str) -> None:
    path = conf(arguments, text)
    for check in (True, False):
        assert problem in quietly(run_module("config", arguments, check=check)).message
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"peers": [{**PEER, "endpoint": "192.95.5.69"}]}, "peers[0].endpoint '192.95.5.69': the port is missing"),
        ({"peers": [PEER, PEER]}, "two peers have this public_key"),
        ({"peers": [{**PEER, "preshared_key": PRESHARED[1:]}]}, "peers[0].preshared_key: not a WireGuard key"),
        (
            {"private_key_file": "/nonexistent/wg0.key"},
            "there is no such file; create it with cryptokey.wireguard.keypair",
        ),
        ({"interface": "no/name"}, "not an interface name"),
    ],
)
def test_bad_options_are_refused_before_anything_is_touched(
    arguments: dict[str, Any], options: dict[str, Any], problem: str
) -> None:
    assert problem in quietly(run_module("config", {**arguments, **options})).message
    assert not Path(arguments["path"]).parent.exists()


def test_the_own_key_is_no_peer(arguments: dict[str, Any], tmp_path: Path) -> None:
    own = run_module("keypair", {"private_key_file": arguments["private_key_file"]}).result["public_key"]
    message = run_module("config", {**arguments, "peers": [{"public_key": own}]}).message
    assert "the interface's own public_key" in message


def test_check_mode_on_a_fresh_host(arguments: dict[str, Any]) -> None:
    arguments["private_key_file"] = "/nonexistent/wg0.key"
    run = run_module("config", arguments, check=True, diff=True)
    assert run.changed is True
    assert "PrivateKey = (redacted)\n" in run.result["diff"]["after"]
    conf(arguments, f"[Interface]\nPrivateKey = {SECRETS[0]}\n")
    run = quietly(run_module("config", arguments, check=True, diff=True))
    assert "PrivateKey = (redacted, changes)\n" in run.result["diff"]["after"]


def test_the_loudest_task_never_shows_a_secret(arguments: dict[str, Any], tmp_path: Path) -> None:
    for number, flags in enumerate(((), ("--check",))):
        conf(arguments, f"[Interface]\nPrivateKey = {SECRETS[0]}\n# PresharedKey = {OTHER_PRESHARED}\n")
        task = run_task("config", arguments, tmp_path / f"task{number}", *flags)
        assert "PrivateKey = (redacted)" in task.output
        assert not any(secret in task.output for secret in SECRETS)
        # The preshared key is an argument, so that it is in what Ansible sends; the private key is not.
        assert not any(secret in task.remains for secret in (SECRETS[0], SECRETS[1], OTHER_PRESHARED))


def test_what_wg_quick_would_stop_at_is_refused_before_anything_is_written(arguments: dict[str, Any]) -> None:
    path = Path(arguments["path"])
    failed = run_module("config", {**arguments, "table": "no-such-table"})
    assert failed.message.startswith(
        "table 'no-such-table': no routing table of this host has this name; give a number"
    )
    failed = run_module("config", {**arguments, "alias": "it's"})
    assert failed.message.startswith("alias \"it's\": it has a '")
    failed = run_module("config", {**arguments, "dns": [], "dns_search": ["lan"]})
    assert failed.message == "dns_search 'lan': there is no name server for it; give dns as well"
    assert not path.parent.exists()


def test_a_table_keeps_its_name_and_an_alias_is_a_hook(arguments: dict[str, Any]) -> None:
    options = {**arguments, "table": "main", "alias": "to Paris"}
    assert [run_module("config", options).changed for _run in range(2)] == [True, False]
    text = Path(arguments["path"]).read_text()
    assert "\nTable = main\n" in text
    assert "\nPostUp = ip link set dev %i alias 'to Paris'\n" in text


def test_bytes_of_hooks_that_are_not_utf8_stay_as_they_are(arguments: dict[str, Any]) -> None:
    path = conf(arguments, "")
    path.write_bytes(b"# b\xfcro\n[Interface]\nPostUp = echo '\xfc\xff' # \xe9\nPreDown = echo caf\xc3\xa9\n")
    written = quietly(run_module("config", arguments, diff=True))
    assert "\\xfc\\xff" in written.result["diff"]["after"]
    assert b"PostUp = echo '\xfc\xff' # \xe9\nPreDown = echo caf\xc3\xa9\n" in path.read_bytes()
    assert not run_module("config", arguments).changed
