# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of strace's output, on which the kernel tests' counts rest."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.tests.kernel.processes import Sent, counted, read_trace

WIREGUARD = 0x1F
GET = "14 00 00 00 1f 00 05 03  01 00 00 00 00 00 00 00 "
SET = "14 00 00 00 1f 00 05 00  02 00 00 00 00 00 00 00 "


def trace(text: str) -> list[Sent]:
    return read_trace(text.strip("\n").splitlines(keepends=True))


def test_messages_are_told_apart_by_socket_type_and_command() -> None:
    sent = trace(f"""
10 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3<socket:[71]>
10 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_GENERIC) = 4<socket:[72]>
10 sendto(3<socket:[71]>, [{{nlmsg_len=20, nlmsg_type=RTM_NEWROUTE}}, ""...], 20, 0, NULL, 0) = 20
 | 00000  14 00 00 00 18 00 05 06  01 00 00 00 00 00 00 00  ................ |
 | 00010  02 00 00 00                                       ....             |
10 sendmsg(4<socket:[72]>, {{msg_name=NULL}}, 0) = 40
 * 20 bytes in buffer 0
 | 00000  {GET} ................ |
 | 00010  00 01 00 00                                       ....             |
 * 20 bytes in buffer 1
 | 00000  {SET} ................ |
 | 00010  01 01 00 00                                       ....             |
10 write(1</dev/null>, ""..., 5) = 5
 | 00000  68 65 6c 6c 6f                                    hello            |
""")
    assert sent == [Sent("ROUTE", 24, 2), Sent("GENERIC", WIREGUARD, 0), Sent("GENERIC", WIREGUARD, 1)]
    assert counted(sent, WIREGUARD) == {"RTM_NEW": 1, "WG_CMD_GET_DEVICE": 1, "WG_CMD_SET_DEVICE": 1}


def test_calls_that_threads_tear_apart_are_put_together() -> None:
    sent = trace(f"""
10 socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC <unfinished ...>
11 socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3<socket:[71]>
10 <... socket resumed>) = 4<socket:[72]>
10 sendto(4<socket:[72]>, ""..., 20, 0, NULL, 0 <unfinished ...>
11 sendto(3<socket:[71]>, ""..., 20, 0, NULL, 0) = 20
 | 00000  14 00 00 00 12 00 05 03  01 00 00 00 00 00 00 00  ................ |
 | 00010  00 00 00 00                                       ....             |
10 <... sendto resumed>) = 20
 | 00000  {SET} ................ |
 | 00010  01 01 00 00                                       ....             |
""")
    assert sorted(counted(sent, WIREGUARD).items()) == [("RTM_GET", 1), ("WG_CMD_SET_DEVICE", 1)]


def test_numbers_mean_other_things_in_other_protocols() -> None:
    found = counted(
        [Sent("ROUTE", 32, 0), Sent("ROUTE", 17, 0), Sent("GENERIC", 16, 3), Sent("GENERIC", 32, 1)], WIREGUARD
    )
    assert found == {"RTM_NEW": 1, "RTM_DEL": 1, "GENERIC control": 1, "GENERIC family 32": 1}
