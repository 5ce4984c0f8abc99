# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set an interface's name servers, through systemd-resolved or else resolvconf.

Both are used as wg-quick(8) uses them, so ``wg-quick down`` undoes what is set here, and vice versa.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path
from typing import Protocol

from .._model.dns import NO_DNS, Dns, canonical_server
from .._netlink.errors import KernelError
from .programs import find_program, run_program

# The routing domain that matches every name (systemd-resolved.service(8)).
_ALL_NAMES = "~."
_RESOLVED_LINK = re.compile(r"Link [0-9]+ \([^)]*\):")
_RESOLVED_FOLDER = "/run/systemd/resolve"
_RECORD = "# resolv.conf from "
_INTERFACE_ORDER = "/etc/resolvconf/interface-order"
_OLD_RECORDS = "/run/resolvconf/interface"


class NameServers(Protocol):
    """Reads and sets the name servers of one interface. Both raise KernelError."""

    def read(self, interface: str) -> Dns:
        """Return what is set for the interface."""

    def write(self, interface: str, dns: Dns) -> None:
        """Replace what is set for the interface."""


def find_name_servers() -> NameServers | None:
    """Find systemd-resolved if it is running, else a resolvconf that is not a link to resolvectl."""
    resolvectl = find_program("resolvectl")
    if resolvectl and _resolved_runs():
        return Resolved(resolvectl)
    resolvconf = find_program("resolvconf")
    if resolvconf and not os.path.realpath(resolvconf).endswith("/resolvectl"):
        return Resolvconf(resolvconf)
    return None


class FoundNameServers:
    """The host's program for name servers. It is looked up at each use, so that a failure affects nothing else."""

    def read(self, interface: str) -> Dns:
        found = find_name_servers()
        return found.read(interface) if found else NO_DNS

    def write(self, interface: str, dns: Dns) -> None:
        found = find_name_servers()
        if found is None:
            raise KernelError(errno.ENOENT, "set name servers", "this host has neither systemd-resolved nor resolvconf")
        found.write(interface, dns)


def _resolved_runs() -> bool:
    systemctl = find_program("systemctl")
    if systemctl is None or not Path(_RESOLVED_FOLDER).exists():
        return False
    command = [systemctl, "is-active", "--quiet", "systemd-resolved.service"]
    return run_program(command, "check whether systemd-resolved runs").code == 0


class Resolved:
    """systemd-resolved. It drops an interface's settings when the interface is removed."""

    def __init__(self, program: str) -> None:
        self._program = program

    def read(self, interface: str) -> Dns:
        try:
            socket.if_nametoindex(interface)
        except OSError:
            return NO_DNS
        servers, domains = (
            parse_resolvectl(
                _succeed([self._program, "--no-pager", verb, interface], f"read the {verb} of {interface}")
            )
            for verb in ("dns", "domain")
        )
        search = tuple(domain.lower() for domain in domains if domain != _ALL_NAMES)
        return Dns(tuple(map(canonical_server, servers)), search, _ALL_NAMES in domains)

    def write(self, interface: str, dns: Dns) -> None:
        # resolvectl(1): an empty string clears the list.
        domains = [*dns.search, _ALL_NAMES] if dns.exclusive else list(dns.search)
        for verb, values in (("dns", dns.servers), ("domain", domains)):
            _succeed([self._program, verb, interface, *(values or [""])], f"set the {verb} of {interface}")


def parse_resolvectl(text: str) -> tuple[str, ...]:
    """Parse the output of ``resolvectl dns IF`` or ``resolvectl domain IF``. Long lists span several lines."""
    header = _RESOLVED_LINK.match(text)
    if header is None:
        raise KernelError(errno.EPROTO, "read resolvectl's answer", f"unexpected: {text[:80]!r}")
    return tuple(text[header.end() :].split())


class Resolvconf:
    """openresolv, or Debian's resolvconf. A record stays until it is deleted."""

    def __init__(self, program: str) -> None:
        self._program = program

    def read(self, interface: str) -> Dns:
        name = record_name(interface, _read(_INTERFACE_ORDER))
        # An error looks the same as "no record": Debian's resolvconf before 1.80 does not know -l.
        found = run_program([self._program, "-l", name], f"read the DNS record of {interface}")
        listed = parse_resolvconf_records(found.output, name)
        return parse_record(_read(f"{_OLD_RECORDS}/{name}") if listed is None else listed)

    def write(self, interface: str, dns: Dns) -> None:
        name = record_name(interface, _read(_INTERFACE_ORDER))
        if dns == NO_DNS:
            _succeed([self._program, "-d", name, "-f"], f"delete the DNS record of {interface}")
            return
        exclusive = ["-x"] if dns.exclusive else []
        command = [self._program, "-a", name, "-m", "0", *exclusive]
        _succeed(command, f"set the DNS record of {interface}", render_record(dns))


def record_name(interface: str, interface_order: str) -> str:
    """Return the name of the record, with the first prefix in Debian's ``interface-order`` as in wg-quick(8)."""
    for line in interface_order.splitlines():
        prefix = re.fullmatch(r"([A-Za-z0-9-]+)\*", line.strip())
        if prefix:
            return f"{prefix[1]}.{interface}"
    return interface


def parse_resolvconf_records(text: str, name: str) -> str | None:
    """Return the record with this name from the output of ``resolvconf -l``, or None."""
    found: list[str] | None = None
    inside = False
    for line in text.splitlines():
        if line.startswith(_RECORD):
            inside = line[len(_RECORD) :].strip() == name
            found = [] if inside else found
        elif inside and found is not None:
            found.append(line)
    return None if found is None else "\n".join(found)


def parse_record(text: str) -> Dns:
    """Parse a record in the format of resolv.conf(5).

    It does not show whether it is exclusive: this is assumed if it has name servers.
    """
    words: dict[str, list[str]] = {"nameserver": [], "search": [], "domain": []}
    for line in text.splitlines():
        key, *values = line.split() or [""]
        words.get(key, []).extend(values)
    servers = tuple(map(canonical_server, words["nameserver"]))
    search = tuple(domain.lower() for domain in words["search"] or words["domain"])
    return Dns(servers, search, exclusive=bool(servers))


def render_record(dns: Dns) -> str:
    lines = [f"nameserver {server}" for server in dns.servers]
    lines += [f"search {' '.join(dns.search)}"] if dns.search else []
    return "\n".join(lines) + "\n"


def find_resolvconf() -> str | None:
    """Find the ``resolvconf`` that wg-quick runs. It may be a link to another program."""
    return find_program("resolvconf")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _succeed(command: list[str], doing: str, text: str = "") -> str:
    done = run_program(command, doing, text)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)
    return done.output
