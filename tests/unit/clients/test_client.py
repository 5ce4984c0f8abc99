# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client's file says, which key it gets, and who is refused one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._clients.client import (
    Client,
    choose_clients,
    pending,
    prepare,
    preshared_warning,
    render_client,
    show_change,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import with_preshared_keys
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

PRIVATE = PrivateKey(bytes(range(32)))
OTHER = PrivateKey(bytes(range(1, 33)))
PUBLIC = str(public_key_of(PRIVATE))
SECRET = "correct horse battery staple"
PATH = "/clients/phone.conf"
RENEW = "restore the right file, or make a new key with -e wireguard_client_renew=phone"
PHONE = "wireguard_networks.home.clients.phone"


def peer(name: str = "hub1", *allowed_ips: str) -> dict[str, Any]:
    return {
        "name": name,
        "public_key": key_of(name),
        "endpoint": f"{name}.example.org:51820",
        "allowed_ips": list(allowed_ips or ("10.8.0.0/24",)),
        "persistent_keepalive": 25,
    }


def entry(**options: Any) -> dict[str, Any]:
    return {
        "public_key": None,
        "interface": "wg0",
        "addresses": ["10.8.0.200/32", "fd00:8::c8/128"],
        "peers": [peer()],
        "expired": False,
        **options,
    }


def phone(device_key: str | None = None, **options: Any) -> Client:
    return Client("home", "phone", entry(**options), device_key)


def text_of(client: Client, options: dict[str, Any], kept: str = "") -> str:
    work = prepare(client, PATH, kept, renew=False)
    return render_client(client, work.file(options))


KEPT = f"[Interface]\nPrivateKey = {PRIVATE.reveal_base64()}\n"


def test_the_whole_text() -> None:
    client = phone(
        dns=["10.8.0.1"],
        dns_search=["corp.example"],
        mtu=1280,
        valid_until="2026-12-31",
        peers=[peer("hub1", "0.0.0.0/0", "::/0")],
    )
    preshared = with_preshared_keys(client.entry["peers"], "phone", PUBLIC, {"preshared_secret": SECRET}, "home")
    assert text_of(client, {"preshared_secret": SECRET}, KEPT) == (
        "# phone in home, until 2026-12-31 (cryptokey.wireguard.clients)\n"
        "[Interface]\n"
        f"PrivateKey = {PRIVATE.reveal_base64()}\n"
        "Address = 10.8.0.200/32\n"
        "Address = fd00:8::c8/128\n"
        "MTU = 1280\n"
        "DNS = 10.8.0.1, corp.example\n"
        "\n"
        "[Peer]\n"
        "# friendly_name = hub1\n"
        f"PublicKey = {key_of('hub1')}\n"
        f"PresharedKey = {preshared[0]['preshared_key']}\n"
        "AllowedIPs = 0.0.0.0/0, ::/0\n"
        "Endpoint = hub1.example.org:51820\n"
        "PersistentKeepalive = 25\n"
    )


def test_a_device_with_its_own_key_gets_a_place_for_it() -> None:
    client = phone(device_key=PUBLIC, public_key=PUBLIC)
    text = text_of(client, {})
    assert text.startswith(
        "# phone in home (cryptokey.wireguard.clients)\n"
        "[Interface]\n"
        "# The device's own private key belongs here, as: PrivateKey = ...\n"
        "Address = 10.8.0.200/32\n"
    )
    filled = text.replace("# The device's own private key belongs here, as: PrivateKey = ...", KEPT.splitlines()[1])
    # What was put in by hand stays, if it is the right one.
    assert text_of(client, {}, filled) == filled
    assert text_of(phone(device_key=key_of("x"), public_key=key_of("x")), {}, filled) == text


@given(
    st.lists(st.sampled_from(["hub1", "hub2", "hub3"]), unique=True, min_size=1),
    st.sampled_from([{}, {"preshared_secret": SECRET}]),
    st.fixed_dictionaries(
        {},
        optional={
            "dns": st.just(["10.8.0.1", "fd00::1"]),
            "dns_search": st.just(["corp.example"]),
            "mtu": st.integers(1280, 9000),
        },
    ),
)
def test_what_wg_quick_reads_is_what_was_planned(
    hubs: list[str], options: dict[str, Any], given_options: dict[str, Any]
) -> None:
    if "dns" not in given_options:
        given_options.pop("dns_search", None)
    client = phone(peers=[peer(hub, f"10.{number}.0.0/16") for number, hub in enumerate(hubs)], **given_options)
    work = prepare(client, PATH, KEPT, renew=False)
    file = work.file(options)
    text = render_client(client, file)
    assert parse(text) == file
    assert file.private_key == PRIVATE
    assert [each.name for each in file.peers] == hubs
    assert not re.search("^(PostUp|PreUp|PostDown|PreDown|ListenPort|FwMark|Table)", text, re.MULTILINE)


@pytest.mark.parametrize("device_key", [None, PUBLIC])
@pytest.mark.parametrize("options", [{}, {"preshared_secret": ""}, {"preshared_secret": None}])
def test_a_preshared_key_stays_where_the_network_has_none_any_more(
    device_key: str | None, options: dict[str, Any]
) -> None:
    """Absent is not empty: the hub keeps it too."""
    client = phone(device_key=device_key, public_key=PUBLIC)
    kept = text_of(client, {"preshared_secret": SECRET}, "" if device_key else KEPT)
    assert "PresharedKey = " in kept
    assert text_of(client, options, kept) == kept
    assert preshared_warning(prepare(client, PATH, kept, False), parse(kept)) == ""
    assert "PresharedKey" not in text_of(client, {"preshared_secret": "off"}, kept)
    other = text_of(client, {"preshared_secret": SECRET * 2}, kept)
    assert other == text_of(client, {"preshared_secret": SECRET * 2}, "" if device_key else KEPT)


def test_a_preshared_key_is_not_kept_for_a_new_pair_of_keys() -> None:
    kept = text_of(phone(public_key=PUBLIC), {"preshared_secret": SECRET}, KEPT)
    renewed = prepare(phone(public_key=PUBLIC), PATH, kept, renew=True)
    assert "PresharedKey" not in render_client(renewed.client, renewed.file({}))
    assert preshared_warning(renewed, renewed.file({})) == ""
    # Another hub makes a new peer, which has none.
    moved = prepare(phone(public_key=PUBLIC, peers=[peer("hub2")]), PATH, kept, renew=False)
    assert "PresharedKey" not in render_client(moved.client, moved.file({}))
    assert preshared_warning(moved, moved.file({})) == ""
    # A hub that changed its key still has it for this peer; one that was installed anew does not.
    changed = phone(public_key=PUBLIC, peers=[{**peer(), "public_key": key_of("next")}])
    work = prepare(changed, PATH, kept, renew=False)
    assert "PresharedKey" not in render_client(changed, work.file({}))
    assert preshared_warning(work, work.file({})) == (
        f"{PHONE}: the public key of hub1 changed, and the file has no preshared key for it any more, as "
        "wireguard_networks.home sets none. If the host still has one, no handshake succeeds: set preshared_secret to "
        "off in wireguard_networks.home, and run cryptokey.wireguard.site and cryptokey.wireguard.clients."
    )
    assert preshared_warning(work, work.file({"preshared_secret": SECRET})) == ""


def test_a_change_is_shown_without_its_secrets() -> None:
    client = phone()
    options = {"preshared_secret": SECRET}
    before = render_client(client, prepare(client, PATH, "", renew=False).file(options))
    work = prepare(client, PATH, KEPT, renew=False)
    for text in ("", before, "no such file\n" + before, KEPT):
        shown = "".join(show_change(client, text, work.file(options)))
        assert "PrivateKey = (redacted" in shown
        for secret in re.findall(
            "(?:PrivateKey|PresharedKey) = (.*)", text + render_client(client, work.file(options))
        ):
            assert secret not in shown
    assert show_change(client, "", work.file(options))[0] == ""


def test_a_pair_is_made_where_there_is_none() -> None:
    works = [prepare(phone(), PATH, text, renew=False) for text in ("", "[Interface]\nAddress = 10.8.0.2/32\n")]
    for work in works:
        assert work.made
        assert work.private_key
        assert work.public_key == public_key_of(work.private_key)
        assert work.private_key.reveal_bytes()[0] & 7 == 0
    assert works[0].private_key != works[1].private_key


@pytest.mark.parametrize("recorded", [None, PUBLIC])
def test_the_key_of_the_file_stays(recorded: str | None) -> None:
    work = prepare(phone(public_key=recorded), PATH, KEPT, renew=False)
    assert (work.private_key, work.made, str(work.public_key)) == (PRIVATE, False, PUBLIC)


@pytest.mark.parametrize("text", ["", KEPT, "broken", KEPT + "broken"])
def test_a_key_is_renewed_whatever_there_was(text: str) -> None:
    work = prepare(phone(public_key=key_of("old")), PATH, text, renew=True)
    assert work.made
    assert work.private_key not in (None, PRIVATE)


# The client, the text of its file, whether it is to be renewed, and what is said.
REFUSED: dict[str, tuple[Client, str, bool, str]] = {
    "the file is gone": (
        phone(public_key=PUBLIC),
        "",
        False,
        f"{PHONE}: its private key was only in {PATH}, which has none now; {RENEW}",
    ),
    "another key": (
        phone(public_key=key_of("x")),
        KEPT,
        False,
        f"{PHONE}: the private key in {PATH} does not match the recorded public key {key_of('x')}; {RENEW}",
    ),
    "a device that has its own": (
        phone(device_key=PUBLIC, public_key=PUBLIC),
        "",
        True,
        (
            f"{PHONE}: its key is made on the device, as the inventory has its public_key; "
            "make a new key on the device, or remove public_key"
        ),
    ),
    "a broken file": (
        phone(public_key=PUBLIC),
        KEPT + "Nonsense = 1\n",
        False,
        (
            f"{PATH} line 3 column 1 'Nonsense': neither wg nor wg-quick knows this line here; "
            "[Interface] has the keys of wg(8) and wg-quick(8)"
        ),
    ),
}


@pytest.mark.parametrize(("client", "text", "renew", "message"), REFUSED.values(), ids=REFUSED)
def test_who_gets_no_key(client: Client, text: str, renew: bool, message: str) -> None:
    with pytest.raises(InputError) as caught:
        prepare(client, PATH, text, renew)
    assert str(caught.value) == message


def plan(**clients: dict[str, Any]) -> dict[str, Any]:
    return {"clients": {"home": clients}, "refused_clients": {}}


NETWORKS: dict[str, Any] = {"home": {"clients": {"phone": {"public_key": PUBLIC}, "tablet": None}}, "lab": {}}


def test_all_clients_or_those_that_are_named() -> None:
    everybody = plan(phone=entry(public_key=PUBLIC), tablet=entry())
    clients, warnings = choose_clients(everybody, NETWORKS, None, [])
    assert [(client.name, client.device_key) for client in clients] == [("phone", PUBLIC), ("tablet", None)]
    assert warnings == []
    clients, _warnings = choose_clients(everybody, NETWORKS, ["tablet"], ["tablet"])
    assert [client.name for client in clients] == ["tablet"]


def test_one_past_its_date_gets_a_warning_and_no_file() -> None:
    late = plan(phone=entry(expired=True, valid_until="2020-01-01", peers=[]), tablet=entry())
    clients, warnings = choose_clients(late, NETWORKS, None, [])
    assert [client.name for client in clients] == ["tablet"]
    assert warnings == ["Client phone of the network home is past its valid_until 2020-01-01: no file is written."]


def test_who_cannot_have_a_file_is_refused_all_at_once() -> None:
    several = {
        "refused_clients": {},
        "clients": {
            "home": {"phone": entry(), "tablet": entry(peers=[]), "../up": entry()},
            "lab": {"phone": entry()},
        },
    }
    networks = {"home": {"clients": dict.fromkeys(["phone", "tablet", "../up"])}, "lab": {"clients": {"phone": None}}}
    with pytest.raises(FleetError) as caught:
        choose_clients(several, networks, None, ["lost"])
    assert str(caught.value).splitlines() == [
        "wireguard_client 'lost': there is no such client; name one of ../up, phone, tablet",
        f"{PHONE}: a client of another network has this name too; rename one of them, as each client has its own file",
        (
            "wireguard_networks.home.clients.tablet: no public key of its peers is known yet; "
            "run cryptokey.wireguard.site first, which creates their keys"
        ),
        "wireguard_networks.home.clients.../up: its name cannot be a file name; use letters, digits or _=+.-",
        (
            "wireguard_networks.lab.clients.phone: a client of another network has this name too; "
            "rename one of them, as each client has its own file"
        ),
    ]


def test_a_key_that_is_written_and_not_recorded_is_used_by_the_next_run() -> None:
    client = phone(public_key=key_of("before"))
    made = prepare(client, PATH, KEPT, renew=True)
    assert (made.made, made.replaces) == (True, key_of("before"))
    text = pending(made, render_client(client, made.file({})))
    assert text.splitlines()[1] == f"# Not recorded yet, in place of {key_of('before')}"
    again = prepare(client, PATH, text, renew=False)
    assert (again.private_key, again.made, again.replaces) == (made.private_key, False, key_of("before"))
    assert "Not recorded" not in render_client(client, again.file({}))
    # Once another key is recorded, the file is a wrong one.
    with pytest.raises(InputError, match=re.escape(RENEW)):
        prepare(phone(public_key=key_of("other")), PATH, text, renew=False)
    assert prepare(client, PATH, text, renew=True).private_key != made.private_key


def test_a_new_key_in_the_place_of_none_is_marked_by_nothing() -> None:
    made = prepare(phone(), PATH, "", renew=False)
    text = render_client(made.client, made.file({}))
    assert made.replaces is None
    assert pending(made, text) == text
