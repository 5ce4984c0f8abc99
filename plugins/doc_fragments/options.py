# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules share, each in a fragment of its own."""

from __future__ import annotations


class ModuleDocFragment:
    # For modules that use an existing interface; ``interface`` itself can create it elsewhere.
    NETNS = r"""
options:
  netns:
    description:
      - The network namespace of the interface, by its name as C(ip netns) shows it.
      - If not given, it is the namespace of the module's process.
    type: str
"""

    BIRTH_NETNS = r"""
options:
  birth_netns:
    description:
      - The network namespace of the interface's UDP sockets, which is the one that the interface was created in.
      - If not given, it is the namespace of the module's process.
    type: str
"""

    PRIVATE_KEY_FILE = r"""
options:
  private_key_file:
    description:
      - The file with the private key on the managed node.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key).
    type: path
"""
