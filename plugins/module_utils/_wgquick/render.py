# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render startup state as a wg-quick(8) file, with or without its secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import filterfalse
from typing import Optional

from .._model.keys import PublicKey, Secret
from .._model.prefix import sort_prefixes
from .file import WgQuickFile, WgQuickPeer, printable
from .lines import is_alias
from .moved import Moved, render_moved

HEADER = "# Managed by Ansible (cryptokey.wireguard.config): the next run may undo manual changes."
REDACTED = "(redacted)"
REDACTED_CHANGE = "(redacted, changes)"

# How a secret is written: whose it is, None for the interface's own, and the secret.
Show = Callable[[Optional[PublicKey], Secret], str]

_SECRET_LINE = re.compile(
    r"([\s#]*(?:p\s*r\s*i\s*v\s*a\s*t\s*e|p\s*r\s*e\s*s\s*h\s*a\s*r\s*e\s*d)\s*k\s*e\s*y\s*=)(.*)", re.I
)
# Whatever could be a key, in hex or base64, wherever it stands.
_KEY = re.compile(r"(?<![A-Za-z0-9+/])(?:[0-9A-Fa-f]{64}|[A-Za-z0-9+/]{43}=?)(?![A-Za-z0-9+/])")


def encode_file(text: str) -> bytes:
    """The text of a file as its bytes, those that ``parse.decode`` could not read as they were."""
    return text.encode("utf-8", "surrogateescape")


def reveal(_owner: PublicKey | None, secret: Secret) -> str:
    return secret.reveal_base64()


def render(file: WgQuickFile, show: Show = reveal, header: str = HEADER) -> str:
    """The text, with the secrets in it. ``parse(render(file)) == file``. ``header``: one or more comment lines."""
    sections = ["\n".join(_interface_lines(file, show)), *("\n".join(_peer_lines(peer, show)) for peer in file.peers)]
    return header + "\n" + "\n\n".join(sections) + "\n"


def _interface_lines(file: WgQuickFile, show: Show) -> Iterator[str]:
    yield "[Interface]"
    if file.private_key is not None:
        yield f"PrivateKey = {show(None, file.private_key)}"
    if file.listen_port:
        yield f"ListenPort = {file.listen_port}"
    if file.fwmark:
        yield f"FwMark = {file.fwmark:#x}"
    for address in () if file.netns else file.addresses:
        yield f"Address = {address}"
    if file.mtu:
        yield f"MTU = {file.mtu}"
    if file.table != "auto" or file.netns:
        yield f"Table = {'off' if file.netns else file.table}"
    if file.save_config:
        yield "SaveConfig = true"
    if file.netns:
        # Its alias goes along with an interface; all else of it has to be done where it then is.
        yield from filter(is_alias, file.unmanaged)
        yield from render_moved(Moved(file.netns, file.addresses, file.table))
        yield from filterfalse(is_alias, file.unmanaged)
    else:
        yield from file.unmanaged


def _peer_lines(peer: WgQuickPeer, show: Show) -> Iterator[str]:
    yield "[Peer]"
    if peer.name:
        yield f"# friendly_name = {peer.name}"
    yield f"PublicKey = {peer.public_key}"
    if peer.preshared_key:
        yield f"PresharedKey = {show(peer.public_key, peer.preshared_key)}"
    if peer.allowed_ips:
        yield "AllowedIPs = " + ", ".join(map(str, sort_prefixes(peer.allowed_ips)))
    if peer.endpoint is not None:
        yield f"Endpoint = {peer.endpoint}"
    if peer.persistent_keepalive:
        yield f"PersistentKeepalive = {peer.persistent_keepalive}"


def render_diff(before: str, old: WgQuickFile, new: WgQuickFile, header: str = HEADER) -> tuple[str, str]:
    """The texts before and after for people's eyes: no secret in them, yet a secret that changes is marked.

    ``before`` is the file's own text, so that what is not kept of it is seen, and ``old`` what it says.
    """
    secrets = _secrets(old)

    def show(owner: PublicKey | None, secret: Secret) -> str:
        return REDACTED if secret == secrets.get(owner, secret) else REDACTED_CHANGE

    public = [peer.public_key for file in (old, new) for peer in file.peers]
    return redact(before, public), redact(render(new, show, header), public)


def _secrets(file: WgQuickFile) -> Mapping[PublicKey | None, Secret | None]:
    peers: dict[PublicKey | None, Secret | None] = {peer.public_key: peer.preshared_key for peer in file.peers}
    return {**peers, None: file.private_key} if file.private_key else peers


def redact(text: str, public_keys: Iterable[PublicKey] = ()) -> str:
    """The text for people: without the values of secrets, and without what else looks like a key and is not public."""
    public = frozenset(map(str, public_keys))

    def hide(match: re.Match[str]) -> str:
        return match[0] if match[0] in public else REDACTED

    def redact_line(line: str) -> str:
        secret = _SECRET_LINE.match(line)
        if secret is None:
            return _KEY.sub(hide, line)
        value = secret[2].strip()
        return f"{secret[1]} {value if value in (REDACTED, REDACTED_CHANGE) else REDACTED}"

    return "\n".join(map(redact_line, printable(text).split("\n")))
