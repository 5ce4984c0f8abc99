# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.cryptokey.wireguard.tests.lab.apt import for_guest, parse_acquire

DUMP = """\
Acquire "";
Acquire::cdrom::mount "/media/cdrom/";
Acquire::http::Proxy "http://127.0.0.1:3142";
Acquire::http::Proxy::archive.example.org "DIRECT";
Acquire::https::CAInfo "/home/someone/ca.pem";
Acquire::Check-Valid-Until "false";
Acquire::ForceIPv4 "true";
"""


def test_what_a_guest_needs_is_picked() -> None:
    assert parse_acquire(DUMP, {}) == [
        'Acquire::http::Proxy "http://127.0.0.1:3142";',
        'Acquire::http::Proxy::archive.example.org "DIRECT";',
        'Acquire::Check-Valid-Until "false";',
        'Acquire::ForceIPv4 "true";',
    ]


def test_proxies_of_the_environment_fill_in() -> None:
    environment = {"http_proxy": "http://proxy.example.org", "https_proxy": "http://proxy.example.org:8080"}
    assert parse_acquire(DUMP, environment)[-1] == 'Acquire::https::Proxy "http://proxy.example.org:8080";'
    assert parse_acquire("", environment)[0] == 'Acquire::http::Proxy "http://proxy.example.org";'
    assert parse_acquire(DUMP, environment)[0] == 'Acquire::http::Proxy "http://127.0.0.1:3142";'


def test_a_guest_reaches_the_hosts_loopback_elsewhere() -> None:
    settings = [f'Acquire::http::Proxy "http://{host}:3142";' for host in ("127.0.0.1", "localhost", "[::1]")]
    assert set(for_guest(settings).splitlines()) == {'Acquire::http::Proxy "http://10.0.2.2:3142";'}
    other = 'Acquire::http::Proxy "http://localhost.example.org:3142";'
    assert for_guest([other]) == f"{other}\n"
