# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of words that are gone finds each of them, and nothing else."""

from __future__ import annotations

import pytest

from ansible_collections.cryptokey.wireguard.tests.plain_english import GONE, find


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Peers are looked up anew.", [(1, "anew")]),
        ("one\ntwo\nSeldom, and Whoever asks", [(3, "Seldom"), (3, "Whoever")]),
        ("# we see to\n    # it that", [(1, "see to it")]),
        ("It was not heeded", [(1, "heeded")]),
        ("a renewed key, the shallow copy, a lesson, whence", []),
        ("see the guide to it", []),
        ("", []),
    ],
)
def test_words_are_found(text: str, found: list[tuple[int, str]]) -> None:
    assert [(line, word) for line, word, _remedy in find(text)] == found


def test_each_word_has_a_remedy() -> None:
    assert [remedy for remedy in GONE.values() if not remedy.strip()] == []
