# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of Ansible's cache plugins as the Cache of a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .text import RegistryError

OPTION = "wireguard_registry_cache"


class AnsibleCache:
    """A Cache that is a plugin of Ansible's, set up as for facts, except that nothing in it expires.

    ``get_plugin`` is the ``get`` of Ansible's loader of cache plugins.
    """

    def __init__(self, get_plugin: Callable[..., Any], name: str) -> None:
        self.name = name
        self._get_plugin = get_plugin
        if name.rpartition(".")[2] == "memory":
            raise RegistryError(f"{OPTION} {name!r}: keeps nothing between runs; use another cache plugin")

    def _open(self) -> Any:
        """Open a new plugin each time, since a plugin keeps what it has read."""
        try:
            plugin = self._get_plugin(self.name, _timeout=0)
        except Exception as error:
            raise self._failed("cannot be used", error) from error
        if not plugin:
            raise self._failed("cannot be used", "there is no such plugin")
        # From ansible-core 2.19 on it is wrapped, with keys that change with the format of facts. This is plain text,
        # and outlives the versions of Ansible.
        plugin = getattr(plugin, "__wrapped__", plugin)
        if plugin.has_option("_timeout") and float(plugin.get_option("_timeout") or 0):
            raise self._failed("cannot be used", "its values expire, although _timeout is 0")
        return plugin

    def read(self, key: str) -> str | None:
        plugin = self._open()
        try:
            value = plugin.get(key)
        except KeyError:
            return None
        except Exception as error:
            raise self._failed(f"{key} cannot be read", error) from error
        text = value.get("text") if isinstance(value, Mapping) else None
        if not isinstance(text, str):
            raise self._failed(f"{key} cannot be read", "it was not written by this collection")
        return str(text)  # a plugin may give one of Ansible's own kinds of text, which libyaml does not take

    def write(self, key: str, text: str) -> None:
        plugin = self._open()
        try:
            plugin.set(key, {"text": text})
        except Exception as error:
            raise self._failed(f"{key} cannot be written", error) from error

    def _failed(self, problem: str, error: object) -> RegistryError:
        remedy = "check the plugin's own settings, such as fact_caching_connection in ansible.cfg"
        return RegistryError(f"{OPTION} {self.name!r}: {problem}: {error}; {remedy}")
