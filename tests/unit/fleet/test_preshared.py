# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preshared keys: the construction by an implementation of its own, both ends alike, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    PublicKey,
    parse_preshared_key,
    parse_public_key,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.preshared import read_preshared
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import (
    derive,
    with_preshared_keys,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

SECRET = "correct horse battery staple"
OWN_KEY = parse_preshared_key("eNgEvJkAqaWCYoFQ4JhRDGyjYR9XSGDCYTS5WMWLFbA=")
FIRST = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SECOND = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
# What the OpenSSL command line makes of them; docs/guides/preshared-keys.md shows how.
DERIVED = "zCX7+QNCEzM18HAJFbYg3i2BPegs0vXweygSziuETwg="

public_keys = st.binary(min_size=32, max_size=32).map(PublicKey)
secrets = st.text(min_size=20).filter(lambda text: text.isprintable())


def independent(secret: bytes, network: str, first: bytes, second: bytes) -> bytes:
    """RFC 5869 in two lines: one block of SHA-256 is all that is asked for."""
    extracted = hmac.digest(b"cryptokey.wireguard preshared key v2", secret, hashlib.sha256)
    info = network.encode() + b"\x00" + min(first, second) + max(first, second)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def test_the_published_vector() -> None:
    keys = [parse_public_key(FIRST), parse_public_key(SECOND)]
    assert derive(SECRET.encode(), "home", keys).reveal_base64() == DERIVED
    assert independent(SECRET.encode(), "home", *keys) == parse_preshared_key(DERIVED).reveal_bytes()
    guide = (Path(__file__).parents[3] / "docs/guides/preshared-keys.md").read_text()
    assert all(text in guide for text in (SECRET, FIRST, SECOND, DERIVED))


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", fullmatch=True)


@given(secrets, names, public_keys, public_keys)
def test_it_is_hkdf_and_the_same_at_both_ends(secret: str, network: str, first: PublicKey, second: PublicKey) -> None:
    key = derive(secret.encode(), network, (first, second))
    assert key.reveal_bytes() == independent(secret.encode(), network, first, second)
    assert derive(secret.encode(), network, (second, first)) == key


@given(secrets, st.sets(public_keys.filter(any), min_size=4, max_size=4))
def test_each_pair_and_each_secret_have_another_key(secret: str, keys: set[PublicKey]) -> None:
    a, b, c, d = keys
    pairs = [(a, b), (a, c), (b, c), (a, d)]
    texts = (secret, secret + "x")
    assert len({derive(text.encode(), "home", pair) for pair in pairs for text in texts}) == 8


@given(secrets, st.sets(names, min_size=2, max_size=4), public_keys, public_keys)
def test_each_network_has_another_key_of_one_secret_and_one_pair(
    secret: str, networks: set[str], first: PublicKey, second: PublicKey
) -> None:
    assert len({derive(secret.encode(), name, (first, second)) for name in networks}) == len(networks)


def test_two_networks_with_one_secret_give_one_pair_of_hosts_two_keys() -> None:
    options = {"preshared_secret": SECRET}
    found = [with_preshared_keys(peers("b"), "a", key_of("a"), options, network) for network in ("home", "lab")]
    assert found[0][0]["preshared_key"] != found[1][0]["preshared_key"]


def peers(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "public_key": key_of(name), "allowed_ips": ["10.8.0.1/32"]} for name in names]


def preshared(name: str, peer: str, options: dict[str, Any]) -> Any:
    """What ``name`` gets for ``peer``."""
    (found,) = with_preshared_keys(peers(peer), name, key_of(name), options, "home")
    return found.get("preshared_key", "left alone")


@pytest.mark.parametrize(
    "options",
    [
        {"preshared_secret": SECRET},
        {"preshared_secret": SECRET, "preshared_keys": [{"between": ["a", "c"], "key": OWN_KEY.reveal_base64()}]},
        {"preshared_keys": [{"between": ["b", "a"], "key": OWN_KEY.reveal_base64()}]},
    ],
)
def test_both_ends_get_the_same(options: dict[str, Any]) -> None:
    assert preshared("a", "b", options) == preshared("b", "a", options) != ""
    assert len(preshared("a", "b", options)) == 44


def test_a_pairs_own_key_wins_for_that_pair_only() -> None:
    own = [{"between": ["a", "b"], "key": OWN_KEY.reveal_base64()}]
    options = {"preshared_secret": SECRET, "preshared_keys": own}
    assert preshared("a", "b", options) == OWN_KEY.reveal_base64()
    assert preshared("a", "c", options) == preshared("a", "c", {"preshared_secret": SECRET})
    assert preshared("a", "c", {"preshared_keys": own}) == "left alone"


@pytest.mark.parametrize("off", [False, "off"])
def test_off_clears(off: object) -> None:
    pairs = [{"between": ["a", "b"], "key": off}]
    assert preshared("a", "b", {"preshared_secret": off}) == ""
    assert preshared("a", "b", {"preshared_secret": SECRET, "preshared_keys": pairs}) == ""


@pytest.mark.parametrize("not_given", [None, "", f"__omit_place_holder__{'0' * 40}"])
def test_a_secret_that_is_not_given_leaves_alone(not_given: object) -> None:
    assert preshared("a", "b", {"preshared_secret": not_given, "preshared_keys": not_given}) == "left alone"


def test_without_the_options_the_very_same_list_comes_back() -> None:
    given_peers = peers("b", "c")
    silent: list[dict[str, Any]] = [{}, {"preshared_secret": None, "preshared_keys": []}, {"prefixes": ["10.8.0.0/24"]}]
    for options in silent:
        assert with_preshared_keys(given_peers, "a", key_of("a"), options, "home") is given_peers


def test_an_unknown_own_key_shows_that_there_will_be_a_preshared_one() -> None:
    given_peers = peers("b", "c")
    found = with_preshared_keys(given_peers, "a", None, {"preshared_secret": SECRET}, "home")
    assert all(parse_preshared_key(peer["preshared_key"]) for peer in found)
    assert [{**peer, "preshared_key": ""} for peer in given_peers] == [{**peer, "preshared_key": ""} for peer in found]
    assert all("preshared_key" not in peer for peer in given_peers)


KEY = OWN_KEY.reveal_base64()
PAIR = "name two members, such as [hub1, laptop]"
PSK = "a key is 32 bytes in base64: 44 characters, the last of them '='"
MADE = "make one with 'openssl rand -base64 32', and vault it"


def pair(*names: str, key: object = KEY) -> dict[str, Any]:
    return {"between": list(names), "key": key}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a short secret": (
        {"preshared_secret": "nineteen characters"},
        f"preshared_secret: too short to be a secret: less than 20 characters; {MADE}",
    ),
    "a number": ({"preshared_secret": 12345678901234567890}, f"preshared_secret: not a string; {MADE}"),
    "a list": ({"preshared_secret": [SECRET]}, f"preshared_secret: not a string; {MADE}"),
    "no list": (
        {"preshared_keys": {"a": KEY}},
        "preshared_keys: not a list; write a list, with a '-' before each entry",
    ),
    "no pair": ({"preshared_keys": [KEY]}, "preshared_keys[0]: not a dictionary; write NAME: VALUE, one a line"),
    "a pair without key": (
        {"preshared_keys": [{"between": ["hub", "ada"]}]},
        "preshared_keys[0].key: missing; write between and key",
    ),
    "another field": (
        {"preshared_keys": [{"betwen": ["hub", "ada"], "key": KEY}]},
        "preshared_keys[0].betwen: unknown option; did you mean between?",
    ),
    "three": (
        {"preshared_keys": [pair("ada", "bob", "hub")]},
        f"preshared_keys[0].between 'ada, bob, hub': not a pair; {PAIR}",
    ),
    "one": ({"preshared_keys": [pair("ada", "ada")]}, f"preshared_keys[0].between 'ada': not a pair; {PAIR}"),
    "no key": (
        {"preshared_keys": [pair("hub", "ada", key=SECRET)]},
        f"preshared_keys[0].key: not a WireGuard key; {PSK}",
    ),
    "no text": (
        {"preshared_keys": [pair("hub", "ada", key=7)]},
        "preshared_keys[0].key: not a string; make one with 'wg genpsk', and vault it",
    ),
    "twice": (
        {"preshared_keys": [pair("hub", "ada"), pair("ada", "hub")]},
        "preshared_keys[1].between 'ada, hub': the pair already has a key; remove one of them",
    ),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_that_no_secret_is_shown(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        with_preshared_keys(peers("ada"), "hub", key_of("hub"), options, "home")
    assert str(caught.value) == message
    inventory = Inventory()
    inventory.networks["home"].update(options)
    with pytest.raises(FleetError) as fleet:
        inventory.read()
    assert str(fleet.value) == f"wireguard_networks.home.{message}"
    for text in (str(options.get("preshared_secret")), KEY, SECRET):
        assert text == "None" or text not in repr(caught.value) + repr(fleet.value)


def test_a_stranger_in_a_pair_is_refused() -> None:
    inventory = Inventory()
    inventory.networks["home"]["preshared_keys"] = [pair("hub", "adda")]
    with pytest.raises(FleetError) as caught:
        inventory.read()
    assert str(caught.value) == (
        "wireguard_networks.home.preshared_keys[0].between 'adda': not a member of the network; did you mean ada?"
    )


def test_what_was_read_does_not_print() -> None:
    found = read_preshared({"preshared_secret": SECRET, "preshared_keys": [{"between": ["a", "b"], "key": KEY}]})
    assert SECRET not in repr(found)
    assert KEY not in repr(found)
