# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in Ansible's cache plugins, in real playbook runs: jsonfile, and a plugin for a real Redis server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet, addresses

CACHE_PLUGINS = Path(__file__).parents[1] / "registry" / "cache_plugins"
KEY = "cryptokey_wireguard_home"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """One whose cache forgets facts after a second."""
    fleet = Fleet(tmp_path)
    fleet.settings["ANSIBLE_CACHE_PLUGIN_TIMEOUT"] = "1"
    return fleet


@pytest.fixture
def files(fleet: Fleet) -> Path:
    """The directory of the cache plugin jsonfile."""
    fleet.inventory["all"]["vars"]["wireguard_registry_cache"] = "ansible.builtin.jsonfile"
    fleet.settings["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = str(fleet.directory / "cache")
    return fleet.directory / "cache"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A Redis server of its own, in memory only, that ends with the module's tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(shutil.which("redis-server")), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    directory = tmp_path_factory.mktemp("redis")
    with subprocess.Popen([*command, "--dir", str(directory)], stdout=subprocess.DEVNULL) as process:
        client = redis.Redis("127.0.0.1", port)
        for _attempt in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.1)
        yield client
        client.close()
        process.terminate()


@pytest.fixture
def in_redis(fleet: Fleet, server: redis.Redis) -> redis.Redis:
    server.flushall()
    port = server.connection_pool.connection_kwargs["port"]
    fleet.inventory["all"]["vars"]["wireguard_registry_cache"] = "redis_json"
    fleet.settings["ANSIBLE_CACHE_PLUGINS"] = str(CACHE_PLUGINS)
    fleet.settings["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = f"127.0.0.1:{port}:0"
    return server


def test_it_is_kept_in_jsonfile_in_the_place_of_files(fleet: Fleet, files: Path) -> None:
    fleet.forget_addresses()
    checked = fleet.run("--check", "--diff")
    assert f"+    public_key: {key_of('hub1')}" in checked.output
    assert f"{KEY} in the cache ansible.builtin.jsonfile" in checked.output
    assert not (files / KEY).exists()
    first = fleet.run()
    assert [result["changed"] for result in first.results] == [False, True]
    second = fleet.run()
    assert [result["changed"] for result in second.results] == [False, False]
    assert addresses(second) == addresses(first)
    assert not fleet.registry.parent.exists()


def test_it_is_plain_text_and_does_not_expire(fleet: Fleet, files: Path) -> None:
    """What one version of Ansible has written, any other reads."""
    fleet.run()
    assert f"    public_key: {key_of('office')}\n" in json.loads((files / KEY).read_text())["text"]
    os.utime(files / KEY, (0, 0))
    assert [result["changed"] for result in fleet.run().results] == [False, False]


def test_it_is_kept_in_redis(fleet: Fleet, in_redis: redis.Redis) -> None:
    fleet.forget_addresses()
    first = fleet.run()
    assert [result["changed"] for result in first.results] == [False, True], first.output
    assert in_redis.ttl(f"tests_{KEY}") == -1
    for host in ("hub1", "server", "office"):
        del fleet.hosts[host]["keypair"]
    limited = fleet.run("--limit", "laptop")
    assert limited.results[1]["hosts"] == first.results[1]["hosts"]
    assert not limited.results[1]["changed"]


def test_controllers_at_the_same_moment_lose_nothing_of_each_others(fleet: Fleet, in_redis: redis.Redis) -> None:
    fleet.forget_addresses()
    runs = fleet.run_at_once("laptop", "office", "server")
    assert [run.code for run in runs] == [0, 0, 0], runs
    assert addresses(runs[0]) == addresses(runs[1]) == addresses(runs[2])
    text = json.loads(in_redis.get(f"tests_{KEY}") or "")["text"]
    assert [host for host in fleet.hosts if key_of(host) in text] == ["laptop", "office", "server"]


def test_a_server_that_is_not_there_stops_the_run(fleet: Fleet, in_redis: redis.Redis) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        fleet.settings["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = f"127.0.0.1:{closed.getsockname()[1]}:0"
        run = fleet.run()
    assert run.code == 2
    assert f"wireguard_registry_cache 'redis_json': {KEY} cannot be read: " in run.output
    assert "; check the plugin's own settings, such as fact_caching_connection in ansible.cfg" in run.output


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("memory", "keeps nothing between runs; use another cache plugin"),
        ("ansible.builtin.memory", "keeps nothing between runs"),
        ("no.such.plugin", "cannot be used: "),
    ],
)
def test_a_plugin_that_cannot_serve(fleet: Fleet, plugin: str, message: str) -> None:
    fleet.inventory["all"]["vars"]["wireguard_registry_cache"] = plugin
    run = fleet.run()
    assert run.code == 2
    assert f"wireguard_registry_cache '{plugin}': {message}" in run.output


def test_what_something_else_has_written_is_refused(fleet: Fleet, files: Path) -> None:
    files.mkdir()
    (files / KEY).write_text('{"facts": 1}')
    run = fleet.run()
    assert run.code == 2
    assert f"{KEY} cannot be read: it was not written by this collection" in run.output
    (files / KEY).write_text(json.dumps({"text": "---\nhosts: [a]\n"}))
    assert f"registry {KEY} in the cache ansible.builtin.jsonfile, line 2: expected a mapping" in fleet.run().output
