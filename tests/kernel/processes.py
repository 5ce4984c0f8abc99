# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, and the engine alone, as processes of their own on a host; and what such a process tells the kernel.

The engine is called as ``python3 -m ...tests.kernel.processes OPTIONS.json``. It prints its operations.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, key_of

_PACKAGE = "ansible_collections.cryptokey.wireguard"
# Not -yy: it names a socket's protocol only where the kernel has the module netlink_diag.
_STRACE = (
    *("strace", "-f", "--seccomp-bpf", "-y", "-s", "0"),
    *("-e", "trace=socket,sendto,sendmsg,write,writev", "-e", "write=all", "-e", "signal=none"),
)

# "123 socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3<socket:[4567]>", "123 sendto(3<socket:[4567]>, ..."; each may be
# torn in two where threads run side by side, and is then ended by "123 <... sendto resumed>...".
_OPENED = re.compile(r"\d+ +socket\(AF_NETLINK, [^,]+, NETLINK_(\w+)")
_CALLED = re.compile(r"\d+ +(?:sendto|sendmsg|writev?)\(\d+<([^>]*)>")
_RESUMED = re.compile(r"\d+ +<\.\.\. (?:sendto|sendmsg|writev?) resumed>")
_RESULT = re.compile(r" = \d+<(socket:\[\d+\])>$")
_DUMP = re.compile(r" \| [0-9a-f]{5,}  ((?:[0-9a-f]{2} {1,2}){1,16})")
_HEADER = struct.Struct("=IHHII")
_GENL_CONTROL = 16


def run_module(host: Host, folder: Path, check_mode: bool = False, trace: Path | None = None, **options: Any) -> Any:
    """Run the module ``interface`` as Ansible does, and return its result. Give the interface a name of its own: what
    the module remembers of it is the machine's, not the namespace's."""
    if "private_key_file" not in options:
        options["private_key_file"] = str(key_file(host, folder))
    return _run_module(host, folder, "interface", {**options, "_ansible_check_mode": check_mode}, trace)


def run_confirm(host: Host, folder: Path, **options: Any) -> Any:
    """The same for the module ``confirm``."""
    return _run_module(host, folder, "confirm", options)


def _run_module(host: Host, folder: Path, name: str, options: dict[str, Any], trace: Path | None = None) -> Any:
    arguments = _write(folder, {"ANSIBLE_MODULE_ARGS": options})
    return json.loads(_run(host, f"{_PACKAGE}.plugins.modules.{name}", arguments, trace))


def run_engine(host: Host, folder: Path, trace: Path | None = None, **options: Any) -> list[str]:
    """Converge wg0 in a process of its own and return the operations in words."""
    arguments = _write(folder, {"host": host.name, "options": {"interface": "wg0", **options}})
    operations: list[str] = json.loads(_run(host, f"{_PACKAGE}.tests.kernel.processes", arguments, trace))
    return operations


def key_file(host: Host, folder: Path) -> Path:
    """The host's private key in a file of that folder."""
    file = folder / "private.key"
    file.touch(0o600)
    file.write_text(host.private_key.reveal_base64() + "\n")
    return file


def _write(folder: Path, content: dict[str, Any]) -> Path:
    file = folder / "arguments.json"
    file.write_text(json.dumps(content))
    return file


def _run(host: Host, module: str, arguments: Path, trace: Path | None) -> str:
    strace = [*_STRACE, "-o", str(trace)] if trace else []
    command = ["ip", "netns", "exec", host.name, *strace, sys.executable, "-m", module, str(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stdout}{done.stderr}")
    return done.stdout


def forget_endpoints() -> None:
    """Remove what modules of earlier tests remember."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)


class Sent(NamedTuple):
    """A netlink message as a process sent it: the protocol as strace names it (ROUTE, GENERIC, NETFILTER), the
    header's type, and the first byte after the header, which is the command of a generic message."""

    protocol: str
    kind: int
    command: int


def read_trace(lines: Iterable[str]) -> list[Sent]:
    """What was sent over netlink, decoded from the bytes in strace's dumps."""
    protocols: dict[str, str] = {}  # by socket
    opening: dict[str, str] = {}  # by process, also the next one
    calling: dict[str, str] = {}
    sent: list[tuple[str, bytearray]] = []
    for line in lines:
        process = line.partition(" ")[0]
        if opened := _OPENED.match(line):
            opening[process] = opened[1]
        elif called := _CALLED.match(line):
            calling[process] = called[1]
            sent.append((called[1], bytearray()))
        elif _RESUMED.match(line) and process in calling:
            sent.append((calling[process], bytearray()))
        elif dump := _DUMP.match(line):
            sent[-1][1].extend(bytes.fromhex(dump[1]))
        if process in opening and (result := _RESULT.search(line.rstrip())):
            protocols[result[1]] = opening.pop(process)
    return [message for target, data in sent if target in protocols for message in _messages(protocols[target], data)]


def _messages(protocol: str, data: bytearray) -> Iterable[Sent]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, offset)
        yield Sent(protocol, kind, data[offset + _HEADER.size])
        offset += (size + 3) & ~3


def counted(messages: Iterable[Sent], family: int) -> Counter[str]:
    """How many messages of each kind, by the names of the kernel's headers; ``family`` is the number that the generic
    family ``wireguard`` has."""
    return Counter(_name(message, family) for message in messages)


def _name(message: Sent, family: int) -> str:
    if message.protocol == "GENERIC":
        if message.kind == family:
            return ("WG_CMD_GET_DEVICE", "WG_CMD_SET_DEVICE")[message.command]
        return "GENERIC control" if message.kind == _GENL_CONTROL else f"GENERIC family {message.kind}"
    if message.protocol == "ROUTE":
        # include/uapi/linux/rtnetlink.h: from RTM_BASE on, four to a thing.
        return "RTM_" + ("NEW", "DEL", "GET", "SET")[message.kind % 4]
    return message.protocol


def wireguard_family(host: Host) -> int:
    """The number of the generic netlink family ``wireguard``, as iproute2 finds it."""
    found = re.search(r"ID: (0x[0-9a-f]+)", host.run("genl", "ctrl", "get", "name", "wireguard"))
    if found is None:
        raise RuntimeError("genl does not know the family wireguard")
    return int(found[1], 16)


def main(arguments: Sequence[str]) -> None:
    given = json.loads(Path(arguments[0]).read_text())
    desired = parse_interface(given["options"], key_of(given["host"]))
    here = kernel.HostKernel()
    outcome = converge(desired, here, Circumstances(time.time(), path_mtu=here.path_mtu))
    print(json.dumps([operation.describe() for operation in outcome.operations]))


if __name__ == "__main__":
    main(sys.argv[1:])
