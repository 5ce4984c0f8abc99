#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_config
short_description: Write configuration files and QR codes for clients
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Clients are devices that Ansible does not manage, such as phones. They are listed in C(clients) of the networks in
    C(wireguard_networks).
  - Writes C(NAME.conf) and C(NAME.png), a QR code of the same text, for each client into a directory on the controller,
    with mode V(0600).
  - If the inventory has no C(public_key) for a client, the module makes a key pair. The private key is stored only in
    these two files, and later runs read it from there. The public key is recorded in the registry after the files are
    written.
  - If the inventory has a C(public_key), the private key stays on the device. The file then has a comment in place of
    the private key, and no QR code is written.
  - A client past its C(valid_until) gets no files, and a warning names it.
  - Invalid options are refused before anything is recorded or written. If only the options of one client are invalid,
    that client gets no files, the others do, and the task fails and names it.
  - The module runs on the controller, once for the whole play, and connects to no host.
options:
  clients:
    description:
      - The names of the clients.
      - If not given, files are written for all clients.
    type: list
    elements: str
  renew:
    description:
      - The names of the clients that get a new key pair, for example because their files were lost. The new public key
        replaces the recorded one after the new files are written. If recording it fails, the next run records the key
        in the file.
    type: list
    elements: str
  directory:
    description:
      - The directory to write to. It is created if it is missing, and kept at mode V(0700). C(~) is the home directory.
      - If not given, it is C(wireguard_clients_directory) of the inventory, else V(wireguard_clients).
      - A relative path starts at the directory of the inventory. If there are several, it starts at the one that has
        the registry.
    type: str
  prune:
    description:
      - Whether to remove the files of clients that no network has any more. These files still have private keys.
      - Files that were not written by this module are left alone.
      - If V(false), a warning names the files.
    type: bool
    default: false
  qr:
    description:
      - Whether to write QR codes. This requires the Python library segno on the controller.
      - A QR code holds at most 2953 bytes. A client with a longer configuration is refused, unless this is V(false). An
        existing C(NAME.png) is then removed.
    type: bool
    default: true
  show:
    description:
      - Whether to show the QR codes in the terminal as well. B(They contain the private keys). They are not written to
        the log file of Ansible or to the result of the task.
    type: bool
    default: false
  vault_id:
    description:
      - The name of a vault secret of this run. Both files are encrypted with it, and are never stored unencrypted.
      - The secret of C(--ask-vault-pass) and C(--vault-password-file) has the name V(default).
      - If not given, the files are not encrypted. An existing file that is encrypted is then refused.
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
  - Set C(run_once=true) on the task. The C(free) strategy cannot run it.
  - The hosts get the key of a new client at the next run of the role.
seealso:
  - module: cryptokey.wireguard.plan
  - plugin: cryptokey.wireguard.with_preshared_keys
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the configurations of all clients
  cryptokey.wireguard.client_config:
  run_once: true

- name: Show the QR code of a phone, and keep its files encrypted
  cryptokey.wireguard.client_config:
    clients: [phone]
    show: true
    vault_id: default
  run_once: true

- name: Make a new key for a laptop whose file was lost
  cryptokey.wireguard.client_config:
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
  description: The clients, sorted by network and name. Secrets are never returned.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the client.
      type: str
      sample: phone
    network:
      description: The name of the network.
      type: str
      sample: home
    path:
      description: The configuration file.
      type: str
      sample: /srv/inventory/wireguard_clients/phone.conf
    qr_path:
      description: The file with the QR code, or null if there is none.
      type: str
      sample: /srv/inventory/wireguard_clients/phone.png
    public_key:
      description: The public key of the client. In check mode it is null if the key pair would be made.
      type: str
      sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
    made:
      description: Whether the key pair was made in this run.
      type: bool
    peers:
      description: The names of its peers, which need the public key of the client.
      type: list
      elements: str
      sample: [hub1]
    changed:
      description: Whether one of the files of the client changed.
      type: bool
"""
