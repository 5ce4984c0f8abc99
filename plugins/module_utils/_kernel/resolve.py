# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints with host names to literal ones, when they are about to be applied."""

from __future__ import annotations

import socket

from .._model.endpoint import Endpoint


class Resolver:
    """Looks names up; a name without an address gives none and a sentence in ``warnings``."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def __call__(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        """The literal endpoints in the resolver's order of preference, each once."""
        if endpoint.is_literal:
            return (endpoint,)
        try:
            found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            self.warnings.append(
                f"endpoint {endpoint}: {error.strerror or error}; the peer keeps the endpoint that it has"
            )
            return ()
        return tuple(dict.fromkeys(Endpoint(str(address[0]), endpoint.port) for *_kind, address in found))
