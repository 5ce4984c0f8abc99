# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records to try stores with, and processes that write to one at the same time."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.store import Change, Store


def key_of(host: str) -> str:
    return base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()


def records(*hosts: str) -> Records:
    return Records({host: MemberRecord(public_key=key_of(host)) for host in hosts})


def adding(*hosts: str) -> Change:
    return lambda known: replace(known, members={**known.members, **records(*hosts).members})


def _write_in_turn(make_store: Callable[[], Store], prefix: str, count: int) -> None:
    store = make_store()
    for number in range(count):
        store.update("home", adding(f"{prefix}{number}"), write=True)


def write_at_once(make_store: Callable[[], Store], count: int) -> Records:
    """Three processes add ``count`` hosts each, one at a time; the records that should be there then."""
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_in_turn, args=(make_store, letter, count)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    return records(*(f"{letter}{number}" for letter in "abc" for number in range(count)))
