# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's side decides without a kernel: packets, sizes, hashes, programs with a port, services."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.examine import digest_preshared_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.boot import starts_at_boot
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.capture import Sighting, decode_packet
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.echo import checksum, choose_sizes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.udp_ports import port_holders
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PublicKey

PORT = 51820


def ipv4(source: int, destination: int, message: bytes, options: bytes = b"", protocol: int = 17) -> bytes:
    words = 5 + len(options) // 4
    header = struct.pack(">BBHHHBBH", 0x40 | words, 0, 0, 0, 0, 64, protocol, 0)
    addresses = socket.inet_aton("192.0.2.7") + socket.inet_aton("203.0.113.1")
    return header + addresses + options + struct.pack(">HHHH", source, destination, 0, 0) + message


def ipv6(source: int, destination: int, message: bytes) -> bytes:
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, each) for each in ("2001:db8::7", "2001:db8::1"))
    header = struct.pack(">IHBB", 6 << 28, 0, 17, 64)
    return header + addresses + struct.pack(">HHHH", source, destination, 0, 0) + message


def message(kind: int, session: int) -> bytes:
    return struct.pack("<II", kind, session)


@pytest.mark.parametrize(
    ("make", "ends"), [(ipv4, ("192.0.2.7", "203.0.113.1")), (ipv6, ("2001:db8::7", "2001:db8::1"))]
)
def test_a_packet_is_read_from_either_end(make: object, ends: tuple[str, str]) -> None:
    assert callable(make)
    arriving = make(40000, PORT, message(1, 77))
    assert decode_packet(arriving, PORT, False, "eth0") == Sighting(False, ends[0], 40000, "eth0", 1, 77)
    leaving = make(PORT, 40000, message(4, 0xFFFFFFFF))
    assert decode_packet(leaving, PORT, True, "eth0") == Sighting(True, ends[1], 40000, "eth0", 4, 0xFFFFFFFF)
    assert decode_packet(leaving, PORT, False, "eth0") is None


def test_options_of_the_header_are_passed_over() -> None:
    found = decode_packet(ipv4(1, PORT, message(2, 3), options=bytes(40)), PORT, False, "eth0")
    assert found == Sighting(False, "192.0.2.7", 1, "eth0", 2, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ipv4(1, PORT + 1, message(1, 1)),
        ipv4(1, PORT, message(5, 1)),
        ipv4(1, PORT, message(0x101, 1)),
        ipv4(1, PORT, b"short"),
        ipv4(1, PORT, message(1, 1), protocol=6),
    ],
)
def test_what_is_no_message_is_none(data: bytes) -> None:
    assert decode_packet(data, PORT, False, "eth0") is None


@given(data=st.binary(max_size=80), first=st.sampled_from([0x40, 0x45, 0x4F, 0x60, 0x00]))
def test_no_packet_is_an_error(data: bytes, first: int) -> None:
    decode_packet(bytes([first]) + data, PORT, False, "eth0")


@given(data=st.binary(max_size=64))
def test_a_packet_with_its_checksum_sums_up_to_nothing(data: bytes) -> None:
    even = data + bytes(len(data) % 2)
    assert checksum(even + checksum(even).to_bytes(2, "big")) == 0
    assert checksum(data) == checksum(even)


@pytest.mark.parametrize("mtu", [576, 1280, 1420, 8920, 65535])
def test_sizes_fall_from_that_of_the_link(mtu: int) -> None:
    sizes = choose_sizes(mtu)
    assert sizes[0] == mtu
    assert sizes == sorted(set(sizes), reverse=True)


def test_no_packet_is_larger_than_ip_has_them() -> None:
    assert choose_sizes(2**31 - 100) == choose_sizes(65535)


def test_a_hash_depends_on_all_but_on_which_end_computes_it() -> None:
    one, other, third = (PublicKey(bytes([number]) * 32) for number in (1, 2, 3))
    keys = [PresharedKey(bytes([number]) * 32) for number in (8, 9)]

    def digest(nonce: str, key: PresharedKey, peer: PublicKey, own: PublicKey) -> str:
        return digest_preshared_key(nonce, RunningPeer(peer, key), own)

    right = digest("a", keys[0], one, other)
    assert right == digest("a", keys[0], other, one)
    assert (
        len(
            {
                right,
                digest("b", keys[0], one, other),
                digest("a", keys[1], one, other),
                digest("a", keys[0], one, third),
            }
        )
        == 4
    )
    assert digest_preshared_key("a", RunningPeer(one), other) == ""
    assert keys[0].reveal_bytes().hex()[:8] not in right


def test_the_program_with_a_port_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert port_holders(port) == [Path("/proc/self/comm").read_text().strip()]
    assert port_holders(port) == []


def test_a_service_of_openrc_is_found_by_its_link(tmp_path: Path) -> None:
    assert starts_at_boot("wg0", str(tmp_path)) is None
    level = tmp_path / "etc/runlevels/default"
    level.mkdir(parents=True)
    assert starts_at_boot("wg0", str(tmp_path)) is False
    (level / "wg-quick.wg0").symlink_to("/etc/init.d/wg-quick")
    assert starts_at_boot("wg0", str(tmp_path)) is True
