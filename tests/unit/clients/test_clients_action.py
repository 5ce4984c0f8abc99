# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/clients.yml in real runs: files, registry, secrets, the vault."""

from __future__ import annotations

import base64
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import Secret
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import with_preshared_keys
from ansible_collections.cryptokey.wireguard.tests.unit.clients.running import SECRET, Site
from ansible_collections.cryptokey.wireguard.tests.unit.clients.scanning import scan, scan_terminal
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

PHONE = "wireguard_networks.home.clients.phone"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    found.clients["phone"] = {"tunnel": "full", "dns": ["10.8.0.1"], "valid_until": "2999-12-31"}
    return found


def recorded_key(site: Site, name: str = "phone") -> str:
    return str(yaml.safe_load(site.registry.read_text())["hosts"][name]["public_key"])


def read(site: Site, name: str = "phone") -> WgQuickFile:
    return parse((site.folder / f"{name}.conf").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_pair_is_made_written_recorded_and_then_kept(site: Site) -> None:
    site.preshare()
    before = site.registry.read_text()
    checked = site.run("clients", "--check", "--diff")
    assert checked.changed
    assert "+PrivateKey = (redacted)" in checked.output
    assert not site.folder.exists()
    assert site.registry.read_text() == before

    first = site.run("clients", "--diff")
    assert first.changed
    assert "phone has a new key. Run cryptokey.wireguard.site to send it to hub1." in first.output
    assert sorted(contents(site.folder)) == ["phone.conf", "phone.png"]
    assert stat.S_IMODE(site.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.folder.iterdir()} == {0o600}
    file = read(site)
    assert file.private_key
    assert recorded_key(site) == str(public_key_of(file.private_key)) == first.results[-1]["clients"][0]["public_key"]
    assert scan((site.folder / "phone.png").read_bytes()) == (site.folder / "phone.conf").read_bytes()

    files = contents(site.folder)
    for arguments in ((), ("--check",)):
        assert not site.run("clients", *arguments).changed
    assert contents(site.folder) == files


def test_both_ends_of_the_tunnel_fit(site: Site) -> None:
    site.preshare()
    assert site.run("clients").changed
    strip = ["wg-quick", "strip", str(site.folder / "phone.conf")]
    stripped = subprocess.run(strip, capture_output=True, text=True, check=True).stdout
    # The program itself takes its own lines out of the file, and leaves those of wg(8).
    assert re.findall("^(?:Address|DNS)", stripped, re.MULTILINE) == []
    assert parse(stripped).peers == read(site).peers
    (peer,) = read(site).peers
    assert (str(peer.public_key), peer.persistent_keepalive) == (key_of("hub1"), 25)
    assert str(peer.endpoint) == "vpn.example.org:51820"
    assert {str(prefix) for prefix in peer.allowed_ips} == {"0.0.0.0/0", "::/0"}
    shown = site.run("plan")
    row = next(line for line in shown.output.splitlines() if line.startswith("hub1 "))
    for address in read(site).addresses:
        assert str(address.host) in row
    at_hub = [{"name": "phone", "public_key": recorded_key(site)}]
    (found,) = with_preshared_keys(at_hub, "hub1", key_of("hub1"), {"preshared_secret": SECRET}, "home")
    assert found["preshared_key"] == peer.preshared_key.reveal_base64()


def test_a_secret_that_is_taken_out_changes_no_file(site: Site) -> None:
    site.preshare()
    assert site.run("clients").changed
    files = contents(site.folder)
    for secret in ("", None):
        site.network["preshared_secret"] = secret
        assert not site.run("clients").changed
    assert contents(site.folder) == files
    registry = yaml.safe_load(site.registry.read_text())
    registry["hosts"]["hub1"]["public_key"] = key_of("next")
    site.registry.write_text(yaml.safe_dump(registry))
    changed = site.run("clients")
    assert f"{PHONE}: the public key of hub1 changed, and the file has no preshared key for it any more" in changed.said
    assert changed.changed


def forms(secret: bytes) -> dict[str, bytes]:
    """A secret in each of the ways in which it could be written."""
    text = base64.b64encode(secret)
    return {
        "base64": text.rstrip(b"="),
        "URL-safe base64": base64.urlsafe_b64encode(secret).rstrip(b"="),
        "base64 of base64": base64.b64encode(text)[:56],
        "hex": secret.hex().encode(),
        "capital hex": secret.hex().upper().encode(),
        "raw": secret,
        "representation": repr(secret)[2:-1].encode(),
    }


def places(site: Site, secret: Secret, *outputs: bytes) -> set[str]:
    """Where a secret is found: in an output, or in which file below the site's directory."""
    found = set()
    files = {str(path.relative_to(site.directory)): path for path in site.directory.rglob("*") if path.is_file()}
    haystacks = {name: path.read_bytes() for name, path in files.items()} | {"output": b"".join(outputs)}
    for place, content in haystacks.items():
        found |= {place for form in forms(secret.reveal_bytes()).values() if form in content}
    return found


def test_no_secret_is_anywhere_but_in_the_two_files(site: Site) -> None:
    site.preshare()
    site.clients["tablet"] = {"public_key": key_of("tablet")}
    runs = [site.run("clients", "-vvvv", "--diff", *extra) for extra in (("--check",), (), ())]
    private = read(site).private_key
    preshared = [peer.preshared_key for name in ("phone", "tablet") for peer in read(site, name).peers]
    runs.append(site.run("clients", "-vvvv", "--diff", "-e", "wireguard_client_renew=phone"))
    assert all(run.code == 0 for run in runs)
    outputs = [run.output.encode() for run in runs]
    # A public key, of the same form, is found, which shows that a private one would be.
    assert recorded_key(site).encode() in outputs[-1]
    assert key_of("hub1").encode() in outputs[0]
    renewed = read(site).private_key
    assert private
    assert renewed
    assert places(site, private, *outputs) == set()
    assert places(site, renewed, *outputs) == {"wireguard_clients/phone.conf"}
    assert places(site, preshared[0], *outputs) == set()
    assert places(site, preshared[1], *outputs) == {"wireguard_clients/tablet.conf"}
    assert SECRET.encode() not in b"".join(outputs) + site.log.read_bytes()


def test_the_code_is_shown_when_asked_for_and_never_logged(site: Site) -> None:
    assert "█" not in site.run("clients").output
    run = site.run("clients", "-e", "wireguard_clients_show=true")
    assert not run.changed
    code = "\n".join(re.findall("^[ █▀▄]{30,}$", run.output, re.MULTILINE))
    assert scan_terminal(code) == (site.folder / "phone.conf").read_bytes()
    assert "█" not in site.log.read_text()


def test_vaulted_files_are_the_same_and_never_plain(site: Site) -> None:
    arguments = ("-e", "wireguard_clients_vault_id=default")
    run = site.run("clients", *arguments, "-vvvv", "--diff")
    assert run.changed
    files = contents(site.folder)
    assert all(content.startswith(b"$ANSIBLE_VAULT;1.1;AES256\n") for content in files.values())
    text = site.vault("view", "wireguard_clients/phone.conf")
    private = parse(text.decode()).private_key
    assert private
    assert recorded_key(site) == str(public_key_of(private))
    assert places(site, private, run.output.encode()) == set()
    assert not site.run("clients", *arguments).changed
    assert contents(site.folder) == files
    picture = site.vault("decrypt", "--output", "-", "wireguard_clients/phone.png")
    assert scan(picture) == text

    refused = site.run("clients")
    assert refused.code == 2
    assert (
        "phone.conf: is encrypted, and would be replaced by plain text; set vault_id to its secret, or decrypt"
        in refused.output
    )
    site.password("another")
    refused = site.run("clients", *arguments)
    assert refused.code == 2
    assert "phone.conf: cannot be decrypted with the vault secrets of this run" in refused.output
    assert contents(site.folder) == files


def test_plain_files_come_under_the_vault_by_a_named_secret(site: Site) -> None:
    assert site.run("clients").changed
    plain = contents(site.folder)
    arguments = ("--vault-id", "phones@password", "-e", "wireguard_clients_vault_id=phones")
    assert site.run("clients", *arguments).changed
    assert (site.folder / "phone.conf").read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;phones\n")
    assert site.vault("view", "wireguard_clients/phone.conf") == plain["phone.conf"]
    assert not site.run("clients", *arguments).changed
    refused = site.run("clients", "--vault-id", "phones@password", "-e", "wireguard_clients_vault_id=other")
    assert refused.code == 2
    assert "vault_id 'other': this run has no vault secret of this name" in refused.output


def test_a_lost_file_is_made_again_only_on_demand(site: Site) -> None:
    site.run("clients")
    old = recorded_key(site)
    (site.folder / "phone.conf").unlink()
    lost = site.run("clients")
    assert lost.code == 2
    assert f"{PHONE}: its private key was only in {site.folder}/phone.conf, which has none now" in lost.output
    assert "or make a new key with -e wireguard_client_renew=phone" in lost.output
    assert recorded_key(site) == old
    renewed = site.run("clients", "-e", "wireguard_client_renew=phone")
    assert renewed.changed
    key = read(site).private_key
    assert key
    assert recorded_key(site) == str(public_key_of(key)) != old
    assert scan((site.folder / "phone.png").read_bytes()) == (site.folder / "phone.conf").read_bytes()
    assert not site.run("clients").changed


def test_a_file_that_is_there_before_the_registry_gives_it_the_key(site: Site) -> None:
    before = site.registry.read_text()
    site.run("clients")
    files, key = contents(site.folder), recorded_key(site)
    site.registry.write_text(before)
    assert site.run("clients").changed
    assert contents(site.folder) == files
    assert recorded_key(site) == key


def test_a_device_that_makes_its_own_key_has_no_code(site: Site) -> None:
    site.run("clients")
    site.clients["phone"]["public_key"] = key_of("phone")
    run = site.run("clients", "-e", "wireguard_clients_show=true")
    assert run.changed
    assert "█" not in run.output
    assert sorted(contents(site.folder)) == ["phone.conf"]
    assert "PrivateKey = ..." in (site.folder / "phone.conf").read_text()
    assert read(site).private_key is None
    assert recorded_key(site) == key_of("phone")


def test_who_gets_no_files(site: Site) -> None:
    site.clients["old"] = {"valid_until": "2020-01-01"}
    site.clients["other"] = {}
    run = site.run("clients", "-e", "wireguard_client=phone")
    assert run.changed
    assert sorted(contents(site.folder)) == ["phone.conf", "phone.png"]
    run = site.run("clients")
    assert "Client old of the network home is past its valid_until 2020-01-01: no file is written." in run.said
    assert sorted({path.stem for path in site.folder.iterdir()}) == ["other", "phone"]
    run = site.run("clients", "-e", "wireguard_client=fone")
    assert run.code == 2
    assert "wireguard_client 'fone': there is no such client; name one of old, other, phone" in run.output


def test_without_clients_it_says_so(site: Site) -> None:
    del site.clients["phone"]
    site.inventory["wg_spoke"] = {"hosts": {"office": {}}}
    run = site.run("clients")
    assert not run.changed
    assert "There are no clients: define them in the clients of a network in wireguard_networks." in run.output
    assert not site.folder.exists()


def test_others_could_read_it(site: Site) -> None:
    site.run("clients")
    (site.folder / "phone.conf").chmod(0o644)
    site.folder.chmod(0o755)
    assert site.run("clients", "--check").changed
    assert site.run("clients").changed
    assert stat.S_IMODE((site.folder / "phone.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE(site.folder.stat().st_mode) == 0o700


def test_a_hub_without_a_key_comes_first(site: Site) -> None:
    site.registry.unlink()
    run = site.run("clients")
    assert run.code == 2
    assert f"{PHONE}: no public key of its peers is known yet; run cryptokey.wireguard.site" in run.output
    assert not site.registry.exists()
    assert not site.folder.exists()


def test_an_address_that_cannot_be_recorded_is_not_given_out(site: Site) -> None:
    run = site.run("clients", "-e", "wireguard_registry_read_only=true")
    assert run.code == 2
    assert f"{PHONE}.addresses: the registry of the network home has none and is read-only here" in run.output
    assert not site.folder.exists()


def test_what_does_not_fit_a_code_is_refused_before_anything_is_recorded(site: Site) -> None:
    site.clients["phone"]["dns_search"] = [f"{'long' * 15}{number}.example" for number in range(50)]
    before = site.registry.read_text()
    run = site.run("clients")
    assert run.code == 2
    assert re.search(f"{PHONE}: its configuration has [0-9]+ bytes, and a QR code holds at most 2953", run.output)
    assert site.registry.read_text() == before
    assert not site.folder.exists()
    assert site.run("clients", "-e", "wireguard_clients_qr=false").changed
    assert sorted(contents(site.folder)) == ["phone.conf"]


def test_without_segno_its_package_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "segno.py").write_text("raise ImportError('no segno here', name='segno')\n")
    run = site.run("clients", settings={"PYTHONPATH": str(tmp_path / "without")})
    assert run.code == 2
    assert "QR codes need the Python library segno: install the package " in run.output
    assert site.run(
        "clients", "-e", "wireguard_clients_qr=no", settings={"PYTHONPATH": str(tmp_path / "without")}
    ).changed


def test_bad_secrets_are_refused_and_shown_nowhere(site: Site) -> None:
    site.network["preshared_keys"] = [{"between": ["hub1", "phone"], "key": "neither-is-this"}]
    pair = site.run("clients", "-vvvv")
    assert pair.code == 2
    assert "wireguard_networks.home.preshared_keys[0].key: not a WireGuard key" in pair.output
    site.network["preshared_secret"] = "not-long-enough"
    short = site.run("clients", "-vvvv")
    assert short.code == 2
    assert "wireguard_networks.home.preshared_secret: too short to be a secret: less than 20 characters" in short.output
    for output in (pair.output, short.output, site.log.read_text()):
        assert "not-long-enough" not in output
        assert "neither-is-this" not in output


def test_a_client_that_has_left_does_not_come_back_by_the_file_that_it_left(site: Site) -> None:
    """As when a stolen phone's name is used again, and its file was kept."""
    site.clients["tablet"] = {}
    assert site.run("clients").changed
    stolen, phone = recorded_key(site), site.clients.pop("phone")
    left = site.run("clients")
    assert left.code == 0, left.output
    assert "These files of former clients still have private keys: " in left.said
    assert (
        f"{site.folder}/phone.conf, {site.folder}/phone.png. Remove them with -e wireguard_clients_prune" in left.said
    )
    assert yaml.safe_load(site.registry.read_text())["former"][stolen]["name"] == "phone"

    site.clients["phone"] = phone
    before = site.registry.read_text()
    refused = site.run("clients")
    assert refused.code == 2
    assert f"{PHONE}: the key in {site.folder}/phone.conf, of phone, left the network on 20" in refused.said
    assert "make a new one with -e wireguard_client_renew=phone, or accept this one with -e" in refused.said
    assert site.registry.read_text() == before
    renewed = site.run("clients", "-e", "wireguard_client_renew=phone")
    assert renewed.changed
    assert recorded_key(site) != stolen


def test_a_key_that_has_left_is_taken_again_when_it_is_accepted(site: Site) -> None:
    site.clients["tablet"] = {}
    assert site.run("clients").changed
    key, phone = recorded_key(site), site.clients.pop("phone")
    site.run("clients")
    site.clients["phone"] = phone
    accepted = site.run("clients", "-e", "wireguard_accept_changed_keys=true")
    assert accepted.code == 0, accepted.output
    assert recorded_key(site) == key
    assert "former" not in yaml.safe_load(site.registry.read_text())
    assert not site.run("clients").changed


def test_files_of_former_clients_are_removed_on_request_and_others_left(site: Site) -> None:
    site.clients["tablet"] = {}
    site.run("clients")
    del site.clients["phone"]
    (site.folder / "mine.conf").write_text("[Interface]\n")
    # Two inventories can have one directory.
    other = "# laptop in elsewhere (cryptokey.wireguard.clients)\n[Interface]\n"
    (site.folder / "laptop.conf").write_text(other)
    checked = site.run("clients", "--check", "-e", "wireguard_clients_prune=true")
    assert checked.changed
    assert (site.folder / "phone.conf").exists()
    run = site.run("clients", "-e", "wireguard_clients_prune=true")
    assert run.results[-1]["removed"] == [f"{site.folder}/phone.conf", f"{site.folder}/phone.png"]
    assert sorted(contents(site.folder)) == ["laptop.conf", "mine.conf", "tablet.conf", "tablet.png"]
    again = site.run("clients", "-e", "wireguard_clients_prune=true")
    assert not again.changed
    assert "former clients" not in again.said


@pytest.mark.parametrize("renew", [False, True])
def test_no_key_is_recorded_whose_file_cannot_be_written(site: Site, renew: bool) -> None:
    site.folder.mkdir(0o700)
    if renew:
        site.run("clients")
    before, files = site.registry.read_text(), contents(site.folder)
    run = site.run("clients", *(["-e", "wireguard_client_renew=phone"] if renew else []), read_only=site.folder)
    assert run.code == 2
    assert str(site.folder) in run.output
    assert site.registry.read_text() == before
    assert contents(site.folder) == files


def test_no_key_is_recorded_where_the_directory_is_none(site: Site) -> None:
    before = site.registry.read_text()
    site.folder.write_text("a file in its place")
    run = site.run("clients")
    assert run.code == 2
    assert str(site.folder) in run.output
    assert site.registry.read_text() == before


def test_a_directory_that_cannot_be_one_names_its_option(site: Site) -> None:
    run = site.run("clients", "-e", "wireguard_clients_directory=/dev/null/clients")
    assert run.code == 2
    assert re.search(r"wireguard_clients_directory: [^;]*'/dev/null[^;]*; use a directory that can be read", run.said)


@pytest.mark.parametrize("playbook", ["clients", "plan"])
def test_networks_that_are_a_text_are_refused_in_plain_words(site: Site, playbook: str) -> None:
    run = site.run(playbook, "-e", "wireguard_networks=foo")
    assert run.code == 2
    assert (
        "wireguard_networks: expected a dictionary; write NAME: OPTIONS, one network a line; with -e, write JSON"
        in (run.said)
    )


@pytest.mark.parametrize("renew", [False, True])
def test_a_key_that_could_not_be_recorded_is_used_by_the_next_run(site: Site, renew: bool) -> None:
    arguments = ["-e", "wireguard_client_renew=phone"] if renew else []
    if renew:
        site.run("clients")
    before = site.registry.read_text()
    run = site.run("clients", *arguments, read_only=site.registry.parent)
    assert run.code == 2
    assert f"The new keys of phone are in their files in {site.folder}, but could not be recorded: " in run.said
    assert "Solve this and run again; the keys in the files are used." in run.said
    assert site.registry.read_text() == before
    key = read(site).private_key
    assert key

    again = site.run("clients")
    assert again.changed
    assert read(site).private_key == key
    assert recorded_key(site) == str(public_key_of(key))
    assert "Not recorded" not in (site.folder / "phone.conf").read_text()
    assert scan((site.folder / "phone.png").read_bytes()) == (site.folder / "phone.conf").read_bytes()
    assert not site.run("clients").changed
