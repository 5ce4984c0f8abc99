# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set IP forwarding now and after a reboot: the kernel's settings in /proc/sys and a file of sysctl.d(5).

A host that forwards IPv6 is a router, and a router ignores router advertisements: with ``accept_ra`` at 1 it would
lose its own default route and address. At 2 it accepts them anyway (Linux, Documentation/networking/ip-sysctl.rst).
It must be set first: turning forwarding on drops the default routes at once (net/ipv6/route.c, rt6_purge_dflt_routers).
Interfaces of systemd-networkd and NetworkManager have 0, as those read the advertisements themselves.

The module owns the file and writes it as a whole. It never writes to a file with other lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .._host.sysctl import FORWARDING, Override, find_overrides, parse_lines
from .._model.errors import InputError
from .._store.files import again_when_changed, ensure_directory, replace_file
from .._store.reading import FileContent, check_directory, read_file

# After 99-sysctl.conf, which on Debian is /etc/sysctl.conf: what is read last counts. find_overrides finds files that
# are read later.
PATH = "/etc/sysctl.d/99-wireguard-forwarding.conf"
_MARK = "# Managed by Ansible (cryptokey.wireguard.forwarding)."
HEADER = f"{_MARK}\n# Changes are lost. Put other settings into another file."

IPV4, IPV6 = FORWARDING["ipv4"], FORWARDING["ipv6"]
_ACCEPT_RA = re.compile(r"net/ipv6/conf/([^/]+)/accept_ra")

_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8  # netdevice(7)

# Settings by their path below /proc/sys.
Settings = dict[str, str]


class ForwardingResult(NamedTuple):
    """Texts for a diff: the kernel's settings, then the file. ``warnings``: what overrides this at boot."""

    changed: bool
    live: tuple[str, str]
    file: tuple[str, str]
    warnings: tuple[str, ...] = ()


@again_when_changed
def ensure_forwarding(
    ipv4: bool | None, ipv6: bool | None, path: str = PATH, check_mode: bool = False, root: str = "/"
) -> ForwardingResult:
    """Turn forwarding on or off for each family that is not None. Raises InputError and OSError.

    ``root`` is where ``proc`` and ``sys`` are. The kernel is changed first, and the file only if that succeeds.
    """
    kernel = KernelSettings(Path(root))
    content = read_file(path)
    text = "" if content is None else content.data.decode("utf-8", "replace")
    stored = _own_settings(path, text)
    wanted = {**_router_settings(kernel, stored, ipv6), **_forwarding_settings(kernel, ipv4, ipv6)}
    live = {key: value for key in wanted for value in [kernel.read(key)] if value is not None}
    target = {key: wanted[key] for key in live}
    settings = {**stored, **wanted}
    rendered = render_settings(settings) if settings else text
    stale = rendered != text or (content is not None and content.mode != 0o644)
    if not check_mode:
        for key, value in target.items():
            kernel.write(key, value)
        if stale:
            _write(path, content, rendered)
    overrides = find_overrides(Path(path), settings, wanted, Path(root))
    warnings = tuple(_describe(override, path) for override in overrides)
    return ForwardingResult(stale or live != target, (_lines(live), _lines(target)), (text, rendered), warnings)


def _own_settings(path: str, text: str) -> Settings:
    """Read the settings of the file. Raises InputError if this module did not write it."""
    if Path(path).suffix != ".conf":
        raise InputError("path", path, "not read at boot, as its name does not end in .conf", "add .conf to the name")
    lines = list(parse_lines(text))
    if text and not text.startswith(_MARK):
        problem, remedy = "not written by this module", "give another path, such as the default, or remove the file"
        raise InputError("path", path, problem, remedy)
    for line in lines:
        if line.value is None or not (line.key in (IPV4, IPV6) or _ACCEPT_RA.fullmatch(line.key)):
            problem = f"line {line.number} has {_spell(line.key)}, which this module does not set"
            raise InputError("path", path, problem, "move that line to another file in the same directory")
    return parse_settings(text)


def _describe(override: Override, path: str) -> str:
    line = override.line
    text = f"-{_spell(line.key)}" if line.value is None else f"{_spell(line.key)} = {line.value}"
    # Nothing comes after /etc/sysctl.conf.
    remedy = ", or use a file name that sorts later" if override.path.parent.name == "sysctl.d" else ""
    return (
        f"{override.path}, line {line.number}: {text} is read after {path} and overrides it, at boot or with "
        f"'sysctl --system'. Remove that line{remedy}."
    )


def _write(path: str, old: FileContent | None, text: str) -> None:
    directory = str(Path(path).absolute().parent)
    if check_directory(directory) is None:
        ensure_directory(directory, 0o755)
    replace_file(path, old, text.encode(), 0o644)


def _forwarding_settings(kernel: KernelSettings, ipv4: bool | None, ipv6: bool | None) -> Settings:
    wanted = {IPV4: ipv4, IPV6: ipv6}
    for option, key in (("ipv4", IPV4), ("ipv6", IPV6)):
        if wanted[key] and kernel.read(key) is None:
            raise InputError(option, True, f"the kernel has no {key}", "enable the protocol, or leave the option out")
    return {key: str(int(value)) for key, value in wanted.items() if value is not None and kernel.read(key) is not None}


def _router_settings(kernel: KernelSettings, stored: Mapping[str, str], ipv6: bool | None) -> Settings:
    """Keep accept_ra on for each interface that accepts router advertisements now. The stored list stays the same, so
    an interface that is added later ignores them, as a router should."""
    if not ipv6:
        return {}
    wanted = {key: value for key, value in stored.items() if _ACCEPT_RA.fullmatch(key)}
    if stored.get(IPV6) != "1":
        # 1 counts only while it still works; 2 may be what a run that was cut short left.
        accepting = ("2",) if kernel.read(IPV6) == "1" else ("1", "2")
        wanted.update((key, "2") for key in kernel.uplinks() if kernel.read(key) in accepting)
    return wanted


class KernelSettings:
    """Reads and writes the settings of the running kernel below /proc/sys."""

    def __init__(self, root: Path) -> None:
        self._settings = root / "proc/sys"
        self._links = root / "sys/class/net"

    def read(self, key: str) -> str | None:
        """Return the value, None if the kernel has no such setting."""
        try:
            return (self._settings / key).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def write(self, key: str, value: str) -> None:
        """Write the value if it differs. Raises OSError if the kernel does not accept it."""
        if self.read(key) == value:
            return
        (self._settings / key).write_text(f"{value}\n", encoding="ascii")
        if self.read(key) != value:
            raise OSError(f"the kernel did not accept {value} for {key}")

    def uplinks(self) -> Iterator[str]:
        """List accept_ra of each interface that can receive router advertisements: up, with IPv6, and neither
        loopback nor WireGuard nor part of a bridge or bond."""
        for flags in sorted(self._links.glob("*/flags")):
            link = flags.parent
            up = int(flags.read_text(), 16) & (_IFF_UP | _IFF_LOOPBACK) == _IFF_UP
            wireguard = "DEVTYPE=wireguard" in (link / "uevent").read_text()
            ipv6 = self.read(f"net/ipv6/conf/{link.name}/disable_ipv6") == "0"
            if up and ipv6 and not wireguard and not (link / "master").exists():
                yield f"net/ipv6/conf/{link.name}/accept_ra"


def parse_settings(text: str) -> Settings:
    """The settings of a sysctl.d file, by path."""
    return {line.key: line.value for line in parse_lines(text) if line.value is not None}


def render_settings(settings: Mapping[str, str]) -> str:
    return f"{HEADER}\n" + _lines(settings)


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{_spell(key)} = {value}\n" for key, value in sorted(settings.items()))


def _spell(key: str) -> str:
    """With dots, as people write it, unless an interface has a dot in its name."""
    return key if "." in key else key.replace("/", ".")
