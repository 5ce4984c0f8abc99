# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the watchdog is started: its check and its work run in one and the same environment."""

from __future__ import annotations

import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import watchdog
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import Unconfirmed
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, install

MAIN = """
import os, sys
if "fail" in os.environ["PATH"]:
    sys.exit("it fails")
with open(f"{sys.argv[0]}.{len(sys.argv)}", "w") as file:
    file.write(repr((sorted(os.environ), os.environ["PATH"], os.getcwd(), sys.flags.isolated)))
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    tmp_path.chmod(0o700)
    world = World(tmp_path)
    install(world, monkeypatch.setattr)
    monkeypatch.setenv("PATH", "/opt/here")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    return world


def recorded(world: World) -> Unconfirmed:
    """A change whose program writes down what it was started with."""
    change = world.record()
    with zipfile.ZipFile(change.program, "w") as program:
        program.writestr("__main__.py", MAIN)
    return change


def written(path: str) -> str:
    end = time.monotonic() + 60
    while not Path(path).exists() or not Path(path).read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    return Path(path).read_text()


# Nobody waits for the process: it outlives the module.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_the_check_and_the_work_have_the_same_environment(world: World) -> None:
    change = recorded(world)
    watchdog.check(change)
    watchdog.start(change)
    checked, started = written(f"{change.program}.4"), written(f"{change.program}.3")
    assert checked == started
    assert "'/opt/here:/usr/sbin:/usr/bin:/sbin:/bin', '/', 1" in checked
    assert "PYTHONPATH" not in checked


def test_so_has_a_timer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_which", lambda program: f"/bin/{program}")
    command = watchdog._timer(replace(world.record(), unit="cryptokey-wireguard-rollback-x"))
    assert "--setenv=PATH=/opt/here:/usr/sbin:/usr/bin:/sbin:/bin" in command
    assert "--setenv=LC_ALL=C" in command


def test_why_the_check_fails_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/fail")
    change = recorded(world)
    with pytest.raises(watchdog.WatchdogError, match=r"^it fails$"):
        watchdog.check(change)
