# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the configurations of clients, on the controller. The thinking is in ``plugin_utils/_client.py``.

A private key is in memory here and in the client's files, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import is_encrypted, match_encrypt_secret, parse_vaulttext_envelope
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.action.plan import open_inventory
from ansible_collections.cryptokey.wireguard.plugins.module_utils._distribution import MissingLibrary, package_hint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._files import (
    atomic_write,
    ensure_directory,
    read_file,
    remove_file,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import decode
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils import _qr
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._client import (
    Client,
    Work,
    choose_clients,
    prepare,
    refused_clients,
    render_client,
    show_change,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.errors import FleetError, list_names
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.variables import NETWORKS
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._run_once import RunOnce

PLAN = "cryptokey.wireguard.plan"
_MODE = 0o600
_DIRECTORY_MODE = 0o700
ARGUMENTS = {
    "clients": {"type": "list", "elements": "str"},
    "renew": {"type": "list", "elements": "str"},
    "directory": {"type": "path", "default": "wireguard_clients"},
    "qr": {"type": "bool", "default": True},
    "show": {"type": "bool", "default": False},
    "vault_id": {"type": "str"},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            result.update(self._run(arguments, task_vars or {}))
        except (FleetError, InputError, MissingLibrary, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        except ImportError as error:
            text = f"clients' keys need the Python library {error.name}: {package_hint('nacl')}"
            raise AnsibleActionFail(text) from None
        return result

    def _run(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["qr"] or arguments["show"]:
            _qr.check_library()
        check_mode = self._task.check_mode
        folder = _Folder(self._directory(arguments, variables), _Vault(self._loader, arguments["vault_id"]))
        options = open_inventory(variables).networks(self._templar) or {}
        renew, plan = arguments["renew"] or [], self._plan(variables)
        refused = refused_clients(plan, arguments["clients"])
        clients, expired = choose_clients(plan, options, arguments["clients"], renew)
        # What cannot be written is refused before anything is recorded or touched.
        work = [
            prepare(client, folder.path(client), folder.kept_text(client), client.name in renew) for client in clients
        ]
        for item in work:
            _render(item, options, arguments)
        recorded = self._plan(variables, work, renew, check_mode) if work else {}
        written = [_render(item.planned(recorded), options, arguments) for item in work]
        changed = bool(work) and ensure_directory(folder.directory, _DIRECTORY_MODE, check_mode)
        changes = [folder.write(each, check_mode) for each in written]
        for each in written:
            self._tell(each, arguments["show"])
        if not clients and not expired and not refused:
            self._display.display(f"There are no clients: declare them in the clients of a network in {NETWORKS}.")
        return {
            **({"failed": True, "msg": "\n".join(["Clients without new files:", *refused])} if refused else {}),
            "changed": changed or bool(recorded.get("changed")) or any(change.changed for change in changes),
            "clients": [change.result for change in changes],
            "warnings": [*expired, *recorded.get("warnings", ())],
            "diff": [*recorded.get("diff", ()), *(diff for change in changes for diff in change.diff)],
        }

    def _directory(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
        """Relative to the inventory, as the registry is."""
        chosen = arguments["directory"]
        base = variables.get("inventory_dir")
        if not base and not Path(chosen).is_absolute():
            problem = "the inventory is no file, so that there is no place beside it"
            raise InputError("directory", chosen, problem, "give an absolute path")
        return str(Path(base or "/", chosen))

    def _plan(
        self,
        variables: Mapping[str, Any],
        work: Iterable[Work] = (),
        renew: Iterable[str] = (),
        check_mode: bool = False,
    ) -> dict[str, Any]:
        """The result of ``plan``, which records the public keys of ``work``."""
        arguments: dict[str, Any] = {"spare_clients": True}
        for item in work:
            # In check mode there is no key yet where one is to be made.
            if item.public_key and not (item.made and check_mode):
                arguments.setdefault("public_keys", {}).setdefault(item.client.network, {})[item.client.name] = str(
                    item.public_key
                )
                if item.client.name in renew:
                    accepted = arguments.setdefault("accept_changed_keys", {})
                    accepted.setdefault(item.client.network, []).append(item.client.name)
        task = self._task.copy()
        task.action, task.args = PLAN, arguments
        action = self._shared_loader_obj.action_loader.get(
            PLAN,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        result: dict[str, Any] = action.run(task_vars=variables)
        return result

    def _tell(self, written: _Written, show: bool) -> None:
        if show and written.code is not None:
            # On the screen only: not into Ansible's log.
            self._display.display(f"\n{written.work.client.name}\n{_qr.lines(written.code)}", screen_only=True)
        if written.work.made and not self._task.check_mode:
            name, peers = written.work.client.name, list_names(written.work.client.peers)
            self._display.display(f"{name} has a new key. Run cryptokey.wireguard.site to make it known to {peers}.")


class _Written(NamedTuple):
    """What a client's files are to have; no QR code where the device makes its own key, or none is asked for."""

    work: Work
    text: str
    file: Any
    code: Any
    png: bytes | None


def _render(work: Work, options: Mapping[str, Any], arguments: Mapping[str, Any]) -> _Written:
    file = work.file(options[work.client.network])
    text = render_client(work.client, file)
    code = None
    if file.private_key and (arguments["qr"] or arguments["show"]):
        code = _qr.encode(text, work.client.option)
    return _Written(work, text, file, code, _qr.png(code) if code is not None and arguments["qr"] else None)


class _Change(NamedTuple):
    changed: bool
    result: dict[str, Any]
    diff: list[dict[str, str]]


class _Folder:
    """The directory with a ``NAME.conf`` and a ``NAME.png`` for each client, plain or vaulted."""

    def __init__(self, directory: str, vault: _Vault) -> None:
        self.directory = directory
        self._vault = vault

    def path(self, client: Client, kind: str = "conf") -> str:
        return str(Path(self.directory, f"{client.name}.{kind}"))

    def kept_text(self, client: Client) -> str:
        """The text that the client's file has, without encryption; empty where there is no file."""
        path = self.path(client)
        data = self._vault.read(path)
        return decode(data, path) if data is not None else ""

    def write(self, written: _Written, check_mode: bool) -> _Change:
        client = written.work.client
        path, picture = self.path(client), self.path(client, "png")
        before = self.kept_text(client)
        changed = self._converge(path, written.text.encode(), check_mode)
        diff = []
        if changed:
            old, new = show_change(client, before, written.file)
            diff = [{"before_header": path, "before": old, "after_header": path, "after": new}]
        has_picture = written.png is not None
        if written.png is not None:
            changed = self._converge(picture, written.png, check_mode) or changed
        else:
            # One that is left over would be of another key, or is not wanted.
            changed = (read_file(picture) is not None if check_mode else remove_file(picture)) or changed
        key = written.work.public_key
        result = {
            "name": client.name,
            "network": client.network,
            "path": path,
            "qr_path": picture if has_picture else None,
            "public_key": None if key is None or (check_mode and written.work.made) else str(key),
            "made": written.work.made,
            "peers": client.peers,
            "changed": changed,
        }
        return _Change(changed, result, diff)

    def _converge(self, path: str, data: bytes, check_mode: bool) -> bool:
        """Never plain on disk where it is to be vaulted, not for a moment either."""
        if self._vault.holds(path, data):
            return False
        if not check_mode:
            atomic_write(path, self._vault.seal(data), _MODE)
        return True


class _Vault:
    """Files with Ansible's own vault secrets, encrypted where ``vault_id`` names one of them."""

    def __init__(self, loader: Any, vault_id: str | None) -> None:
        self._lib = loader._vault
        self._vault_id = vault_id or ""
        self._secret = None
        if self._vault_id:
            try:
                _label, self._secret = match_encrypt_secret(self._lib.secrets or [], self._vault_id)
            except AnsibleError:
                problem = "no vault secret of this name is known in this run"
                remedy = f"give it, as with --vault-id {self._vault_id}@prompt, or name 'default' for --ask-vault-pass"
                raise InputError("vault_id", self._vault_id, problem, remedy) from None

    def read(self, path: str) -> bytes | None:
        """What the file has once it is decrypted; None where there is none."""
        content = read_file(path)
        if content is None or not is_encrypted(content.data):
            return None if content is None else content.data
        if not self._vault_id:
            problem = "is encrypted, and would not be any more"
            raise InputError(path, None, problem, "name its secret in vault_id, or decrypt it with ansible-vault")
        try:
            data: bytes = self._lib.decrypt(content.data)
        except AnsibleError:
            problem = "cannot be decrypted with the vault secrets of this run"
            raise InputError(path, None, problem, "give the one that it was encrypted with") from None
        return data

    def holds(self, path: str, data: bytes) -> bool:
        """Whether the file has this, encrypted as it should be, and its owner alone can read it."""
        content = read_file(path)
        if content is None or content.mode != _MODE or self._label(content.data) != self._vault_id:
            return False
        return self.read(path) == data

    @staticmethod
    def _label(data: bytes) -> str:
        """The name of the secret that it says to be encrypted with; empty for a plain one."""
        return str(parse_vaulttext_envelope(data, default_vault_id="default")[3]) if is_encrypted(data) else ""

    def seal(self, data: bytes) -> bytes:
        if not self._vault_id:
            return data
        sealed: bytes = self._lib.encrypt(data, secret=self._secret, vault_id=self._vault_id)
        return sealed
