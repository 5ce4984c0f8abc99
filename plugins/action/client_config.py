# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the configurations of clients, on the controller. The logic is in ``plugin_utils/_clients``.

A private key is in memory here and in the client's files, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import is_encrypted, match_encrypt_secret, parse_vaulttext_envelope
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary, package_hint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import (
    atomic_write,
    ensure_directory,
    remove_file,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import decode
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._clients import qr
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._clients.client import (
    Client,
    Work,
    choose_clients,
    network_of_file,
    pending,
    prepare,
    preshared_warning,
    refuse_changed,
    refused_clients,
    render_client,
    show_change,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError, list_names
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import (
    CLIENTS_DIRECTORY,
    NETWORKS,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce

from .plan import open_inventory

PLAN = "cryptokey.wireguard.plan"
RECORD = "cryptokey.wireguard._registry"
_MODE = 0o600
_DIRECTORY_MODE = 0o700
ARGUMENTS = {
    "clients": {"type": "list", "elements": "str"},
    "renew": {"type": "list", "elements": "str"},
    "directory": {"type": "str"},
    "prune": {"type": "bool", "default": False},
    "qr": {"type": "bool", "default": True},
    "show": {"type": "bool", "default": False},
    "vault_id": {"type": "str"},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            result.update(self._run(arguments, self.operators_variables(task_vars)))
        except (FleetError, InputError, MissingLibrary) as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            remedy = "use a directory that can be read and written, with free space"
            raise AnsibleActionFail(f"{CLIENTS_DIRECTORY}: {error}; {remedy}") from None
        except ImportError as error:
            text = f"clients' keys need the Python library {error.name}: {package_hint('nacl')}"
            raise AnsibleActionFail(text) from None
        return result

    def _run(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["qr"] or arguments["show"]:
            qr.check_library()
        check_mode = self._task.check_mode
        inventory = open_inventory(variables)
        options = dict(inventory.networks(self._templar) or {})
        plan, renew = self._plan(variables), arguments["renew"] or []
        directory = str(inventory.clients_directory(arguments["directory"], options))
        folder = _Folder(directory, _Vault(self._loader, arguments["vault_id"]))
        clients, expired = choose_clients(plan, options, arguments["clients"], renew)
        refused = refused_clients(plan, arguments["clients"])
        # What cannot be written or recorded is refused before anything is.
        work = [
            prepare(client, folder.path(client), folder.kept_text(client), client.name in renew) for client in clients
        ]
        for item in work:
            _render(item, options, arguments)
        foretold = self._plan(variables, work) if work else {}
        paths = {client.name: folder.path(client) for client in clients}
        refuse_changed(work, paths, foretold.get("changed_keys", ()))
        written = [_render(item.planned(foretold), options, arguments) for item in work]
        changes = [folder.write(each, check_mode=True) for each in written]
        changed = bool(work) and ensure_directory(folder.directory, _DIRECTORY_MODE, check_mode)
        if work and not check_mode:
            for each in written:
                folder.stage(each)
            recorded = self._record(variables, work, directory)
            for item in work:
                folder.write(_render(item.planned(recorded), options, arguments))
        for each in written:
            self._tell(each, arguments["show"])
        if not clients and not expired and not refused:
            self._display.display(f"There are no clients: define them in the clients of a network in {NETWORKS}.")
        former = folder.former(plan["clients"])
        removed = [path for path in former if arguments["prune"] and folder.remove(path, check_mode)]
        return {
            **({"failed": True, "msg": "\n".join(["Clients without new files:", *refused])} if refused else {}),
            "changed": changed or bool(foretold.get("changed") or removed) or any(change.changed for change in changes),
            "clients": [
                {**change.result, "public_key": None} if check_mode and item.made else change.result
                for item, change in zip(work, changes)
            ],
            "removed": removed,
            "warnings": [
                *expired,
                *filter(None, (preshared_warning(each.work, each.file) for each in written)),
                *foretold.get("warnings", ()),
                *_former_warnings(former, removed),
            ],
            "diff": [*foretold.get("diff", ()), *(diff for change in changes for diff in change.diff)],
        }

    def _record(self, variables: Mapping[str, Any], work: Sequence[Work], directory: str) -> dict[str, Any]:
        """Record the keys, which are already in their files: a key that is recorded and lost could not be replaced."""
        try:
            return self._plan(variables, work, write=True)
        except (AnsibleError, OSError) as error:
            made = [item.client.name for item in work if item.made]
            if not made:
                raise
            text = (
                f"The new keys of {list_names(made)} are in their files in {directory}, but could not be recorded: "
                f"{error}. Their peers do not have them yet. Solve this and run again; the keys in the files are used."
            )
            raise AnsibleActionFail(text) from None

    def _plan(self, variables: Mapping[str, Any], work: Iterable[Work] = (), write: bool = False) -> dict[str, Any]:
        """The plan with the public keys of ``work``, which are recorded with ``write``."""
        arguments: dict[str, Any] = {"spare_clients": True}
        for item in work:
            # In check mode there is no key yet where one is to be made.
            if item.public_key and not (item.made and self._task.check_mode):
                network, name = item.client.network, item.client.name
                arguments.setdefault("public_keys", {}).setdefault(network, {})[name] = str(item.public_key)
                if item.replaces:
                    arguments.setdefault("accept_changed_keys", {}).setdefault(network, []).append(name)
        name = RECORD if "public_keys" in arguments else PLAN
        task = self._task.copy()
        task.action, task.args, task.check_mode = name, arguments, not write
        action = self._shared_loader_obj.action_loader.get(
            name,
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
            self._display.display(f"\n{written.work.client.name}\n{qr.lines(written.code)}", screen_only=True)
        if written.work.made and not self._task.check_mode:
            name, peers = written.work.client.name, list_names(written.work.client.peers)
            self._display.display(f"{name} has a new key. Run cryptokey.wireguard.site to send it to {peers}.")


class _Written(NamedTuple):
    """What a client's files must have. No QR code if the device makes its own key, or if none is requested."""

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
        code = qr.encode_qr(text, work.client.option)
    return _Written(work, text, file, code, qr.png(code) if code is not None and arguments["qr"] else None)


def _former_warnings(former: Sequence[str], removed: Sequence[str]) -> Iterator[str]:
    kept = [path for path in former if path not in removed]
    if kept:
        yield (
            f"These files of former clients still have private keys: {list_names(kept)}. Remove them with "
            "-e wireguard_clients_prune=true."
        )


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
        """Return the decrypted text of the client's file, empty if there is no file."""
        path = self.path(client)
        data = self._vault.read(path)
        return decode(data) if data is not None else ""

    def stage(self, written: _Written) -> None:
        """Write a new key to its file before it is recorded."""
        if written.work.made:
            self._converge(self.path(written.work.client), pending(written.work, written.text), check_mode=False)

    def write(self, written: _Written, check_mode: bool = False) -> _Change:
        client = written.work.client
        path, picture = self.path(client), self.path(client, "png")
        before = self.kept_text(client)
        changed = self._converge(path, written.text, check_mode)
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
            "public_key": None if key is None else str(key),
            "made": written.work.made,
            "peers": client.peers,
            "changed": changed,
        }
        return _Change(changed, result, diff)

    def former(self, clients: Mapping[str, Collection[str]]) -> list[str]:
        """List the files of clients that these networks no longer have, each with a private key.

        The directory may have files of networks of other inventories, which are not looked at.
        """
        names = {name for of in clients.values() for name in of}
        found = sorted(each for each in Path(self.directory).glob("*.conf") if each.stem not in names)
        own = [each for each in found if network_of_file(self._vault.look(str(each))) in clients]
        pictures = [each.with_suffix(".png") for each in own]
        return [str(each) for each in sorted((*own, *(each for each in pictures if each.exists())))]

    def remove(self, path: str, check_mode: bool) -> bool:
        return check_mode or remove_file(path)

    def _converge(self, path: str, content: str | bytes, check_mode: bool) -> bool:
        """If the file must be vaulted, plain text is never on disk, not even for a moment."""
        data = content.encode() if isinstance(content, str) else content
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
                problem = "this run has no vault secret of this name"
                remedy = f"add --vault-id {self._vault_id}@prompt, or use default with --ask-vault-pass"
                raise InputError("vault_id", self._vault_id, problem, remedy) from None

    def read(self, path: str) -> bytes | None:
        """Return the decrypted content of the file, None if there is no file."""
        content = read_file(path)
        if content is None or not is_encrypted(content.data):
            return None if content is None else content.data
        if not self._vault_id:
            problem = "is encrypted, and would be replaced by plain text"
            raise InputError(path, None, problem, "set vault_id to its secret, or decrypt it with ansible-vault")
        try:
            data: bytes = self._lib.decrypt(content.data)
        except AnsibleError:
            problem = "cannot be decrypted with the vault secrets of this run"
            raise InputError(path, None, problem, "add the secret that it was encrypted with") from None
        return data

    def look(self, path: str) -> str:
        """Return the text of a file, empty if it cannot be decrypted in this run."""
        content = read_file(path)
        if content is None:
            return ""
        try:
            return decode(self._lib.decrypt(content.data) if is_encrypted(content.data) else content.data)
        except AnsibleError:
            return ""

    def holds(self, path: str, data: bytes) -> bool:
        """Whether the file has this content, is encrypted as it should be, and only its owner can read it."""
        content = read_file(path)
        if content is None or content.mode != _MODE or self._label(content.data) != self._vault_id:
            return False
        return self.read(path) == data

    @staticmethod
    def _label(data: bytes) -> str:
        """Return the name of the vault secret in its header, empty for a plain file."""
        return str(parse_vaulttext_envelope(data, default_vault_id="default")[3]) if is_encrypted(data) else ""

    def seal(self, data: bytes) -> bytes:
        if not self._vault_id:
            return data
        sealed: bytes = self._lib.encrypt(data, secret=self._secret, vault_id=self._vault_id)
        return sealed
