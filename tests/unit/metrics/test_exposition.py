# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is what Prometheus' own parser reads."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as read

from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.exposition import (
    METRICS,
    PEERS,
    SENT,
    SUCCESS,
    Exposition,
    escape,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import decode

# A surrogate is no character of its own, and stands for a byte that is not UTF-8.
values = st.text(st.one_of(st.sampled_from('"\\\n{},=%'), st.characters(exclude_categories=["Cs", "Cc"])), max_size=20)
labels = st.dictionaries(st.sampled_from(["interface", "public_key", "friendly_name"]), values)
samples = st.lists(st.tuples(st.sampled_from(list(METRICS)), labels, st.integers(0, 2**53)), max_size=20)


def test_label_values_are_escaped() -> None:
    assert escape('a "b"\\c\nd') == 'a \\"b\\"\\\\c\\nd'


def test_a_byte_that_is_not_utf_8_makes_no_escape_that_prometheus_does_not_know() -> None:
    exposition = Exposition()
    exposition.add(SENT, 1, friendly_name=decode(b"caf\xe9"))
    text = b"".join(exposition.render()).decode()
    assert re.findall(r"\\(.)", text) == ["\\"]
    assert [sample.labels for family in read(text) for sample in family.samples] == [{"friendly_name": r"caf\udce9"}]


@given(samples)
def test_rendered_text_parses_back(given_samples: list[tuple[str, dict[str, str], int]]) -> None:
    exposition = Exposition()
    for metric, its_labels, value in given_samples:
        exposition.add(metric, value, **its_labels)
    found = [
        (sample.name, sample.labels, sample.value)
        for family in read(b"".join(exposition.render()).decode())
        for sample in family.samples
    ]
    order = list(METRICS)
    assert found == sorted(given_samples, key=lambda sample: order.index(sample[0]))


def test_each_metric_has_its_help_and_type_once_before_its_samples() -> None:
    exposition = Exposition()
    exposition.add(SUCCESS, 1)
    exposition.add(PEERS, 2, interface="wg0", state="idle")
    exposition.add(SENT, 3, interface="wg0")
    exposition.add(PEERS, 4, interface="wg1", state="idle")
    assert b"".join(exposition.render()).decode() == (
        f"# HELP {SENT} {METRICS[SENT].help}\n# TYPE {SENT} counter\n"
        f'{SENT}{{interface="wg0"}} 3\n'
        f"# HELP {PEERS} {METRICS[PEERS].help}\n# TYPE {PEERS} gauge\n"
        f'{PEERS}{{interface="wg0",state="idle"}} 2\n{PEERS}{{interface="wg1",state="idle"}} 4\n'
        f"# HELP {SUCCESS} {METRICS[SUCCESS].help}\n# TYPE {SUCCESS} gauge\n"
        f"{SUCCESS} 1\n"
    )


def test_counters_end_in_total_and_help_is_one_line() -> None:
    for name, metric in METRICS.items():
        assert (metric.kind == "counter") is name.endswith("_total")
        assert not {"\n", "\\"} & {*metric.help}
