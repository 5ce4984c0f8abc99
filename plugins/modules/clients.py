#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: clients
short_description: Write the configurations and QR codes of clients that Ansible does not manage
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Writes C(NAME.conf) and C(NAME.png), a QR code of the same text, for each of the C(clients) that the networks in
    C(wireguard_networks) have, such as phones, with mode 0600 into a directory on the controller.
  - For a client without a C(public_key) in the inventory a key pair is made. Its private key is in these two files and
    nowhere else, and is read back from there by later runs. Its public key is recorded in the registry, after the file
    has been written.
  - For a client with a C(public_key), whose private key stays on the device, the file has a comment where that belongs,
    and there is no QR code.
  - A client past its C(valid_until) gets no files, and a warning says so.
  - What a client may not have is refused before anything is recorded or written. A client whose own options are wrong
    gets no files. The others do, and the task then fails with the names of those that are wrong.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  clients:
    description:
      - The names of the clients.
      - If not given, all of them.
    type: list
    elements: str
  renew:
    description:
      - The names of clients that get a new key pair, as when their files were lost. The recorded public key is
        replaced after the new file has been written. If that fails, the next run records the key in the file.
    type: list
    elements: str
  directory:
    description:
      - The directory to write to. It is made where it is missing, and kept at mode 0700. C(~) is the home directory.
      - If not given, it is C(wireguard_clients_directory) of the inventory, else V(wireguard_clients).
      - A relative path is taken from the inventory's directory. If there are several, it is the one that has the
        registry.
    type: str
  prune:
    description:
      - Whether to remove the files of clients that no network has any more. They still have private keys.
      - Files that were not written by this module are left alone.
      - If V(false), a warning names them.
    type: bool
    default: false
  qr:
    description:
      - Whether to write QR codes. They need the Python library segno on the controller.
      - A QR code holds at most 2953 bytes. A client whose configuration is longer is refused, unless this is V(false),
        with which a C(NAME.png) that is there is removed.
    type: bool
    default: true
  show:
    description:
      - Whether to show the QR codes in the terminal too. B(The private keys are then visible there), yet not in the
        log file of Ansible nor in the task's result.
    type: bool
    default: false
  vault_id:
    description:
      - The name of a vault secret of this run. Both files are then encrypted with it, and are never plain on disk.
      - The secret of C(--ask-vault-pass) and C(--vault-password-file) is named V(default).
      - If not given, the files are plain. One that is there and encrypted is then refused.
    type: str
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  check_mode:
    details:
      - No key is made and nothing is recorded.
  diff_mode:
    support: full
    details:
      - Private and preshared keys are shown as C((redacted)).
requirements:
  - On the controller, pynacl to make keys (on Debian the package C(python3-nacl)) and segno for QR codes
    (C(python3-segno), version 1.4.1 or newer)
notes:
  - Give the task C(run_once=true). The C(free) strategy cannot run it.
  - The hosts learn a new client's key at the next run of the role on them.
seealso:
  - module: cryptokey.wireguard.plan
  - plugin: cryptokey.wireguard.with_preshared_keys
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the configurations of all clients
  cryptokey.wireguard.clients:
  run_once: true

- name: Show the QR code of a phone, and keep its files encrypted
  cryptokey.wireguard.clients:
    clients: [phone]
    show: true
    vault_id: default
  run_once: true

- name: Make a new key for a laptop whose file was lost
  cryptokey.wireguard.clients:
    clients: [laptop]
    renew: [laptop]
    directory: /srv/clients
  run_once: true
"""

RETURN = r"""
removed:
  description: The files that were removed, with O(prune).
  returned: success
  type: list
  elements: str
  sample: []
clients:
  description: The clients, by network and name. No secret is among what is returned.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the client.
      type: str
      sample: phone
    network:
      description: The name of its network.
      type: str
      sample: home
    path:
      description: The file with its configuration.
      type: str
      sample: /srv/inventory/wireguard_clients/phone.conf
    qr_path:
      description: The file with the QR code, none where there is none.
      type: str
      sample: /srv/inventory/wireguard_clients/phone.png
    public_key:
      description: Its public key, none in check mode where one is still to be made.
      type: str
      sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
    made:
      description: Whether its key pair was made in this run.
      type: bool
    peers:
      description: The names of those it talks to, which have to learn its key.
      type: list
      elements: str
      sample: [hub1]
    changed:
      description: Whether one of its files changed.
      type: bool
"""
