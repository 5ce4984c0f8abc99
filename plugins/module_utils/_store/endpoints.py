# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember which configured endpoint was last applied to each peer.

In the kernel a learned endpoint and a configured one look the same, so a change of the configured one shows only by
comparing it with this file. The file has public facts only. What writes it is loaded only where it changes.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from pathlib import Path

from .._model.endpoint import Endpoint
from .._model.interface import DesiredInterface
from .._model.keys import PublicKey, parse_public_key

DIRECTORY = "/var/lib/cryptokey-wireguard"


def _path(interface: str, directory: str) -> Path:
    return Path(directory, f"{interface}.endpoints.json")


def load_endpoints(interface: str, directory: str = DIRECTORY) -> dict[PublicKey, str]:
    """Public key to configured endpoint. A missing or unreadable file is an empty one: the next write mends it."""
    try:
        stored = json.loads(_path(interface, directory).read_text(encoding="utf-8"))
        return {parse_public_key(key): str(endpoint) for key, endpoint in stored.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def remember(
    desired: DesiredInterface,
    recorded: Mapping[PublicKey, str],
    present: Container[PublicKey],
    unresolved: Container[Endpoint],
) -> dict[PublicKey, str]:
    """Derive the endpoints to record after a run.

    An endpoint whose name could not be resolved has not been applied, so the earlier record stays. It also stays for
    peers that are not among the options, as long as the interface has them (``present``).
    """
    applied = {
        peer.public_key: str(peer.endpoint)
        for peer in desired.peers or ()
        if peer.endpoint and peer.endpoint not in unresolved
    }
    return {**{key: endpoint for key, endpoint in recorded.items() if key in present}, **applied}


def record_endpoints(
    interface: str, wanted: Mapping[PublicKey, str], recorded: Mapping[PublicKey, str], directory: str = DIRECTORY
) -> None:
    """Write ``wanted``, unless it is what is ``recorded`` already. Raises InputError and OSError."""
    if wanted == recorded:
        return
    from .files import atomic_write, ensure_directory

    ensure_directory(directory, 0o700)
    atomic_write(str(_path(interface, directory)), _render(wanted), 0o600)


def check_recordable(desired: DesiredInterface, recorded: Mapping[PublicKey, str], directory: str = DIRECTORY) -> None:
    """Raises InputError and OSError before anything is applied, if the endpoints could not be written afterwards."""
    most = remember(desired, recorded, recorded, ())
    if most != recorded:
        from .files import check_room, ensure_directory

        ensure_directory(directory, 0o700)
        check_room(str(_path(desired.interface, directory)), len(_render(most)))


def _render(endpoints: Mapping[PublicKey, str]) -> bytes:
    text = json.dumps({str(key): endpoint for key, endpoint in endpoints.items()}, indent=0, sort_keys=True)
    return f"{text}\n".encode()


def forget_endpoints(interface: str, directory: str = DIRECTORY) -> None:
    """Forget what was applied to an interface that is no more. Raises InputError and OSError."""
    from .files import remove_file

    remove_file(str(_path(interface, directory)))
