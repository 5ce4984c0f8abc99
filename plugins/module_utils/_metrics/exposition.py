# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple, Union

COUNTER, GAUGE = "counter", "gauge"
SENT = "wireguard_sent_bytes_total"
RECEIVED = "wireguard_received_bytes_total"
HANDSHAKE = "wireguard_latest_handshake_seconds"
DEVICE_INFO = "wireguard_device_info"
PEER_INFO = "wireguard_peer_info"
PEERS = "cryptokey_wireguard_peers"
DRIFT = "cryptokey_wireguard_drift_operations"
KEY_AGE = "cryptokey_wireguard_key_age_seconds"
CLIENT_VALID = "cryptokey_wireguard_client_valid_seconds"
LAST_CONVERGE = "cryptokey_wireguard_last_converge_timestamp_seconds"
DENIED = "cryptokey_wireguard_policy_denied_packets_total"
SECONDS = "cryptokey_wireguard_collector_seconds"
SUCCESS = "cryptokey_wireguard_collector_success"


class Metric(NamedTuple):
    kind: str
    help: str


METRICS = {
    SENT: Metric(COUNTER, "Bytes sent to the peer."),
    RECEIVED: Metric(COUNTER, "Bytes received from the peer."),
    HANDSHAKE: Metric(GAUGE, "UNIX time of the peer's last handshake, 0 if there was none."),
    DEVICE_INFO: Metric(GAUGE, "A WireGuard interface with its public key and UDP port. The value is 1."),
    PEER_INFO: Metric(GAUGE, "A peer with its present endpoint, empty if there is none. The value is 1."),
    PEERS: Metric(
        GAUGE,
        "Number of peers by state: connected (handshake in the last 180 seconds), idle (an older one), never (none).",
    ),
    DRIFT: Metric(GAUGE, "Number of operations from the running interface to its configuration, 0 if they agree."),
    KEY_AGE: Metric(GAUGE, "Seconds since the private key of the interface was created."),
    CLIENT_VALID: Metric(GAUGE, "Seconds until the client of this interface expires, negative after that."),
    LAST_CONVERGE: Metric(GAUGE, "UNIX time of the last run of Ansible that found or made the interface as planned."),
    DENIED: Metric(COUNTER, "Packets that the access rules of the interface have dropped."),
    SECONDS: Metric(GAUGE, "Seconds that it took to collect these metrics."),
    SUCCESS: Metric(GAUGE, "1 if everything could be read, 0 if something is missing here."),
}

Value = Union[int, float]


def escape(value: str) -> str:
    """The value of a label, as it stands between double quotes.

    A byte that is not UTF-8 is spelled out first: Prometheus refuses a file with an escape that it does not know.
    """
    text = value.encode("utf-8", "backslashreplace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def render_labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in labels.items()) + "}"


class Exposition:
    """Collects samples in any order. All those of one metric then stand together, as the format demands."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Iterable[bytes]]] = {name: [] for name in METRICS}

    def add(self, metric: str, value: Value, **labels: str) -> None:
        self.add_lines(metric, [f"{metric}{render_labels(labels)} {value}\n".encode()])

    def add_lines(self, metric: str, lines: Iterable[bytes]) -> None:
        """Whole lines of the metric, each with its newline. They are made when the text is rendered."""
        self._lines[metric].append(lines)

    def render(self) -> Iterator[bytes]:
        """The text in pieces. It can be rendered once."""
        for name, lines in self._lines.items():
            head = f"# HELP {name} {METRICS[name].help}\n# TYPE {name} {METRICS[name].kind}\n".encode()
            for piece in chain.from_iterable(lines):
                yield head + piece
                head = b""
