# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry as text: what is written, that it is read back, and what is refused."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import (
    Former,
    MemberRecord,
    Records,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import (
    RegistryError,
    parse_records,
    render_records,
)
from ansible_collections.cryptokey.wireguard.tests.unit.registry.records import key_of, records

WHOLE = Records(
    {
        "hub1": MemberRecord(key_of("hub1"), ("10.8.0.1", "fd00:8::1"), None, "2026-11-02", "2026-11-24"),
        "ada": MemberRecord(None, ("10.8.0.2",), "hub1"),
        "new": MemberRecord(),
    },
    {"10.8.0.10": "2026-11-01", "fd00:8::": "2026-10-02", "10.8.0.9": "2026-11-01"},
    {
        key_of("phone"): Former("phone", "2026-11-20", ("hub1", "yes")),
        key_of("old"): Former("hub1", "2026-11-02"),
    },
)
TEXT = f"""\
# The public facts of a WireGuard network, written by cryptokey.wireguard.registry.
# Commit them with the inventory.
---
hosts:
  ada:
    addresses:
      - 10.8.0.2
    hub: hub1
  hub1:
    public_key: {key_of("hub1")}
    addresses:
      - 10.8.0.1
      - fd00:8::1
    first_seen: 2026-11-02
    last_seen: 2026-11-24
  new: {{}}
resting:
  10.8.0.9: 2026-11-01
  10.8.0.10: 2026-11-01
  "fd00:8::": 2026-10-02
former:
  {key_of("phone")}:
    name: phone
    left: 2026-11-20
    hosts:
      - hub1
      - "yes"
  {key_of("old")}:
    name: hub1
    left: 2026-11-02
"""


def test_it_is_sorted_with_one_fact_a_line() -> None:
    assert render_records(WHOLE) == TEXT
    assert parse_records(TEXT, "x") == WHOLE


def test_other_readers_of_yaml_find_the_same() -> None:
    facts = yaml.safe_load(TEXT)["hosts"]["hub1"]
    assert facts["addresses"] == ["10.8.0.1", "fd00:8::1"]
    assert facts["last_seen"] == datetime.date(2026, 11, 24)


def test_there_need_be_nothing() -> None:
    assert parse_records(None, "x") == Records()
    assert parse_records(render_records(Records()), "x") == Records()


def test_a_file_of_the_first_version_is_read() -> None:
    text = f"---\nhosts:\n  a:\n    public_key: {key_of('a')}\n  b: {{}}\n"
    assert parse_records(text, "x") == replace(records("a"), members={**records("a").members, "b": MemberRecord()})


def test_a_host_whose_last_address_was_removed_by_hand() -> None:
    assert parse_records("hosts:\n  a:\n    addresses:\n", "x") == Records({"a": MemberRecord()})


NAMES = ["1", "null", "yes", "1.5", "2001-01-01", "a: b", "ü", "#x", "~", "1:20", "y", "-", "web-1.example.org", "1e5"]


def test_names_that_yaml_would_take_for_something_else() -> None:
    text = render_records(Records({name: MemberRecord(hub=name) for name in NAMES}))
    assert parse_records(text, "x").members == {name: MemberRecord(hub=name) for name in NAMES}
    assert sorted(yaml.safe_load(text)["hosts"]) == sorted(NAMES)


days = st.dates(datetime.date(2000, 1, 1)).map(str)
addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)).map(format_ip)


@given(
    st.lists(addresses, unique=True, max_size=12),
    st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=0x7E), min_size=1), days, max_size=5),
    st.data(),
)
def test_what_is_written_is_read_back(texts: list[str], names: dict[str, str], data: st.DataObject) -> None:
    members = {}
    for name, day in names.items():
        taken = tuple(texts.pop() for _text in range(data.draw(st.integers(0, min(3, len(texts))))))
        members[name] = MemberRecord(data.draw(st.sampled_from([None, key_of(name)])), taken, name, day, day)
    former = {key_of(f"former {name}"): Former(name, day, tuple(names)[:2]) for name, day in names.items()}
    all_records = Records(members, dict.fromkeys(texts, "2026-11-24"), former)
    text = render_records(all_records)
    assert parse_records(text, "x") == all_records
    assert render_records(parse_records(text, "x")) == text
    assert {str(name) for name in yaml.safe_load(text)["hosts"]} == set(names)


KEY = key_of("a")
BROKEN = {
    "empty": ("", 1, "expected a mapping with hosts"),
    "torn in a line": ("---\nhosts:\n  a: {}\n  b:\n    publ", 5, "expected a mapping"),
    "torn in a key": (f"---\nhosts:\n  a:\n    public_key: {KEY[:20]}\n", 4, "not a WireGuard key"),
    "torn in an address": ("---\nhosts:\n  a:\n    addresses:\n      - 10.8.", 5, "'10.8.' is not an IP address"),
    "torn in a day": ("---\nhosts:\n  a:\n    first_seen: 2026-1", 4, "'2026-1' is not a date, such as 2026-11-24"),
    "zeros after a power cut": (f"---\nhosts:\n  a:\n    public_key: {KEY}\n\0\0\0", 5, "not YAML"),
    "a conflict of a merge": ("---\nhosts:\n<<<<<<< HEAD\n  a:\n", 3, "unresolved merge conflict; keep the hosts of"),
    "what is left of a conflict": ("---\nhosts:\n  a: {}\n=======\n", 4, "unresolved merge conflict"),
    "a host twice": ("---\nhosts:\n  a: {}\n  a: {}\n", 4, "a occurs twice"),
    "a fact twice": ("---\nhosts:\n  a:\n    hub: b\n    hub: c\n", 5, "hub occurs twice"),
    "an address at two hosts": (
        "---\nhosts:\n  a:\n    addresses:\n      - 10.8.0.1\n  b:\n    addresses:\n      - 10.8.0.1\n",
        8,
        "the address 10.8.0.1 occurs twice, first in a, line 5; remove one of the two lines",
    ),
    "an address that is used and rests": (
        "---\nhosts:\n  a:\n    addresses:\n      - fd00::1\nresting:\n  fd00:0::1: 2026-01-01\n",
        7,
        "the address fd00::1 occurs twice, first in a, line 5",
    ),
    "an address twice at one host": (
        "---\nhosts:\n  a:\n    addresses:\n      - 10.8.0.1\n      - 10.8.0.1\n",
        6,
        "the address 10.8.0.1 occurs twice, first in a, line 5",
    ),
    "an address with its length": (
        "---\nhosts:\n  a:\n    addresses:\n      - 10.8.0.1/24\n",
        5,
        "'10.8.0.1/24' must be without a prefix length",
    ),
    "addresses in one line": ("---\nhosts:\n  a:\n    addresses: 10.8.0.1\n", 4, "expected a list, one entry a line"),
    "no such day": ("---\nhosts:\n  a:\n    last_seen: 2026-02-30\n", 4, "'2026-02-30' is not a date"),
    "a resting time that is not a date": ("---\nhosts: {}\nresting:\n  10.8.0.1: soon\n", 4, "'soon' is not a date"),
    "a hub that is none": ("---\nhosts:\n  a:\n    hub: [b]\n", 4, "expected a string"),
    "an unknown fact": ("---\nhosts:\n  a: {private_key: x}\n", 3, "private_key is unknown"),
    "an unknown part": ("---\nhosts: {}\nhost: {}\n", 3, "host is unknown, the valid names are hosts, resting, former"),
    "a former key that is none": ("---\nhosts: {}\nformer:\n  x:\n    name: a\n", 4, "not a WireGuard key"),
    "a former key without its day": (
        f"---\nhosts: {{}}\nformer:\n  {KEY}:\n    name: a\n",
        4,
        "the former key has no left",
    ),
    "a former key with hosts in one line": (
        f"---\nhosts: {{}}\nformer:\n  {KEY}: {{name: a, left: 2026-11-24, hosts: hub1}}\n",
        4,
        "expected a list, one entry a line",
    ),
    "a list": ("---\nhosts: [a]\n", 2, "expected a mapping"),
    "no hosts": ("---\nresting: {}\n", 1, "expected a mapping"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_text_is_refused_with_its_line_and_a_remedy(case: str) -> None:
    text, line, problem = BROKEN[case]
    with pytest.raises(RegistryError) as caught:
        parse_records(text, "reg/home.yml")
    message = str(caught.value)
    assert message.startswith(f"registry reg/home.yml, line {line}: ")
    assert problem in message
    assert any(f"; {remedy} " in message for remedy in ("restore it", "keep the hosts", "remove one"))
