# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache plugin that keeps its values in Redis, as small as can be: what the tests need of community.general.redis."""

from __future__ import annotations

DOCUMENTATION = r"""
name: redis_json
short_description: JSON in Redis
description: For the tests.
options:
  _uri:
    description: HOST:PORT:DB of the server.
    required: true
    env: [{name: ANSIBLE_CACHE_PLUGIN_CONNECTION}]
    ini: [{key: fact_caching_connection, section: defaults}]
  _prefix:
    description: What the keys begin with.
    default: tests_
    env: [{name: ANSIBLE_CACHE_PLUGIN_PREFIX}]
    ini: [{key: fact_caching_prefix, section: defaults}]
  _timeout:
    description: Seconds until a value expires, 0 for never.
    type: integer
    default: 86400
    env: [{name: ANSIBLE_CACHE_PLUGIN_TIMEOUT}]
    ini: [{key: fact_caching_timeout, section: defaults}]
"""

import json
from typing import Any

import redis
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible.plugins.cache import BaseCacheModule


class CacheModule(BaseCacheModule):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        host, port, database = self.get_option("_uri").split(":")
        self._server = redis.Redis(host, int(port), int(database), decode_responses=True)
        self._values: dict[str, Any] = {}

    def _key(self, key: str) -> str:
        return str(self.get_option("_prefix")) + key

    def get(self, key: str) -> Any:
        """As plugins do: what was read once is not read again, and its strings may be of Ansible's own kind."""
        if key not in self._values:
            text = self._server.get(self._key(key))
            if text is None:
                raise KeyError(key)
            self._values[key] = AnsibleLoader(str(text)).get_single_data()
        return self._values[key]

    def set(self, key: str, value: Any) -> None:
        self._server.set(self._key(key), json.dumps(value), ex=self.get_option("_timeout") or None)
        self._values[key] = value

    def keys(self) -> list[str]:
        prefix = self._key("")
        return [str(key).removeprefix(prefix) for key in self._server.scan_iter(f"{prefix}*")]

    def contains(self, key: str) -> bool:
        return bool(self._server.exists(self._key(key)))

    def delete(self, key: str) -> None:
        self._values.pop(key, None)
        self._server.delete(self._key(key))

    def flush(self) -> None:
        for key in self.keys():
            self.delete(key)

    def copy(self) -> dict[str, Any]:
        """Which ansible-core has asked for before 2.19."""
        return {key: self.get(key) for key in self.keys()}
