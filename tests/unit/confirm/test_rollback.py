# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback on a simulated kernel and clock: what was comes back, and the record stays until all of it has."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import confirm
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge import restore as restoring
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import zipapp
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import Part, only
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import guard, pending, record, rollback
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import watchdog as _watchdog
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import (
    NAME,
    PEER,
    World,
    after,
    before,
    install,
)

ALONE = Path(__file__).with_name("alone.py")
REFUSED = KernelError(5, "read the name servers")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    tmp_path.chmod(0o700)
    world = World(tmp_path)
    install(world, monkeypatch.setattr, confirm)
    return world


def watchdog() -> int:
    return rollback.main(["wg0", NAME])


def mended(world: World, attempts: int) -> Callable[[], None]:
    """Nothing is broken any more after so many pauses."""

    def on_sleep() -> None:
        if len([seconds for seconds in world.slept if seconds > 1]) >= attempts:
            world.broken.clear()

    return on_sleep


def test_what_was_comes_back_when_the_time_is_over_and_not_before(world: World) -> None:
    change = world.record(20)

    def on_sleep() -> None:
        assert world.state == after()

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert world.state == before()
    assert world.now == 1020
    assert (world.recorded, Path(change.program).exists()) == (False, False)
    assert world.report
    assert (world.report.change, world.report.problem) == (NAME, "")
    assert world.report.changes == world.applied
    assert world.log[0] == f"wg0: the change {NAME} was not confirmed in time, rolling it back"
    assert world.log[-1] == "wg0: the state before the change is restored"


def test_the_interface_comes_first_and_the_name_servers_last(world: World) -> None:
    world.record()
    watchdog()
    assert world.applied[-2:] == ["set the IPv4 netfilter table wg-quick-wg0", f"set {before().dns}"]
    assert world.applied[0].startswith("set listen_port 51820")


def test_peers_that_are_put_back_shake_hands_before_the_parts_that_may_hang(world: World) -> None:
    world.record(seconds=0)
    world.broken[Part.DNS] = REFUSED

    def on_sleep() -> None:
        assert world.called == [str(PEER)]
        mended(world, 3)()

    world.on_sleep = on_sleep
    assert watchdog() == 0
    # Once, however often the rest is tried.
    assert world.called == [str(PEER)]


@pytest.mark.parametrize("error", [REFUSED, ValueError("a fault of ours")])
def test_a_handshake_that_cannot_be_begun_keeps_nothing_from_coming_back(world: World, error: Exception) -> None:
    world.record(seconds=0)
    world.broken[RunningPeer] = error
    assert watchdog() == 0
    assert (world.state, world.recorded, world.called) == (before(), False, [])
    assert world.report
    assert world.report.problem == ""


def test_nothing_is_done_once_it_is_confirmed(world: World) -> None:
    change = world.record(20)

    def on_sleep() -> None:
        if world.now >= 1010:
            record.forget_change("wg0")
            _watchdog.stop(change)

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert (world.state, world.now, world.locks) == (after(), 1010, 0)


def test_nothing_is_done_when_it_is_confirmed_while_it_waits_for_the_lock(world: World) -> None:
    change = world.record()
    world.on_lock = lambda: record.forget_change("wg0")
    assert watchdog() == 0
    assert (world.state, world.applied, world.report) == (after(), [], None)
    assert not Path(change.program).exists()


def test_another_change_is_not_rolled_back_with_it(world: World) -> None:
    world.record()
    world.on_lock = lambda: record.record_change(world.record(change="77"))
    assert watchdog() == 0
    assert (world.state, world.recorded) == (after(), True)


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("error", [REFUSED, ValueError("unexpected"), RuntimeError("a fault of ours")])
def test_a_part_that_cannot_be_read_keeps_no_other_from_coming_back(world: World, part: Part, error: Exception) -> None:
    world.record()
    world.broken[part] = error

    def on_sleep() -> None:
        if not world.applied:
            return
        for other in Part:
            wanted = after() if other is part else before()
            assert only(world.state, other) == only(wanted, other)
        assert world.recorded
        assert world.report
        assert f"{part.value}: " in world.report.problem
        assert str(error) in world.report.problem
        mended(world, 3)()

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert (world.state, world.recorded) == (before(), False)
    assert world.report
    assert (world.report.problem, world.report.changes) == ("", world.applied)
    assert len([line for line in world.log if "not everything could be rolled back yet" in line]) == 1


@pytest.mark.parametrize("kind", [ops.AddRoute, ops.SetDevice, ops.AddAddress, ops.SetNetfilter, ops.SetDns])
def test_what_is_refused_keeps_nothing_else_from_coming_back(world: World, kind: type) -> None:
    world.record()
    world.broken[kind] = KernelError(22, "set something")
    done: list[str] = []

    def on_sleep() -> None:
        if world.applied and not done:
            done.extend(world.applied)
            assert world.recorded
        mended(world, 2)()

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert world.state == before()
    again = [text for text in world.applied if text not in done]
    assert len(again) == 1
    assert sorted(done + again) == sorted(world.applied)
    assert world.report
    assert sorted(world.report.changes) == sorted(world.applied)


def test_it_is_tried_quickly_at_first_and_then_for_a_day(world: World) -> None:
    world.record(seconds=0)
    world.broken[Part.DNS] = REFUSED
    assert watchdog() == 1
    quick = [rollback.QUICK_PAUSE] * (rollback.QUICK_ATTEMPTS - 1)
    assert world.slept[: len(quick)] == quick
    assert {*world.slept[len(quick) :]} == {rollback.SLOW_PAUSE}
    assert 24 * 3600 <= sum(world.slept) < 24 * 3600 + 120
    assert world.recorded
    assert only(world.state, Part.INTERFACE) == only(before(), Part.INTERFACE)
    assert "The next run tries again" in world.log[-1]
    # Each problem once, not once a minute.
    assert len(world.log) < 20


def test_what_is_back_is_not_touched_again_while_the_rest_is_tried(world: World) -> None:
    world.record(seconds=0)
    world.broken[Part.DNS] = REFUSED

    def on_sleep() -> None:
        world.state = replace(world.state, mtu=1380)
        mended(world, 4)()

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert world.state == replace(before(), mtu=1380)


def test_a_fault_in_the_middle_is_logged_and_tried_again_with_the_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.record(seconds=0)
    roll_back, calls = rollback.roll_back, []

    def failing(*given: Any) -> Any:
        calls.append(given)
        if len(calls) < 3:
            assert world.recorded
            raise ModuleNotFoundError("No module named 'restore'")
        world.locked = True
        return roll_back(*given)

    monkeypatch.setattr(rollback, "roll_back", failing)
    world.on_sleep = lambda: setattr(world, "locked", False)
    assert watchdog() == 0
    assert (world.state, world.recorded, len(calls)) == (before(), False, 3)
    assert "wg0: the rollback failed: ModuleNotFoundError: No module named 'restore'" in world.log


def test_a_fault_while_restoring_keeps_the_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.record(seconds=0)
    plan = restoring.diff_restore
    monkeypatch.setattr(restoring, "diff_restore", lambda *_states: 1 // 0)

    def on_sleep() -> None:
        assert world.recorded
        assert world.report
        assert "ZeroDivisionError" in world.report.problem
        monkeypatch.setattr(restoring, "diff_restore", plan)

    world.on_sleep = on_sleep
    assert watchdog() == 0
    assert (world.state, world.recorded) == (before(), False)


def test_a_record_that_cannot_be_read_or_destroyed_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.record(seconds=0)
    forget, failures = record.forget_change, [OSError("read-only"), OSError("read-only")]

    def failing(interface: str) -> None:
        if failures:
            world.locked = False
            raise failures.pop()
        forget(interface)

    monkeypatch.setattr(rollback, "forget_change", failing)
    (world.folder / "wg0.unconfirmed").chmod(0o644)
    world.on_sleep = lambda: (world.folder / "wg0.unconfirmed").chmod(0o600)
    assert watchdog() == 0
    assert (world.state, world.recorded, len(world.slept)) == (before(), False, 3)
    assert "other users can read or write" in world.log[0]


def test_a_run_that_holds_the_lock_for_ever_does_not_cut_the_host_off(world: World) -> None:
    world.record(seconds=0)
    world.lock_error = InputError("interface", "wg0", "another run has it locked", "wait")
    assert watchdog() == 0
    assert (world.state, world.now) == (before(), 1120)


def test_a_private_key_that_nothing_has_any_more_does_not_keep_the_record(world: World) -> None:
    was = before()
    missing = replace(was, device=replace(was.device, private_key=None))
    world.record(seconds=0, before=missing, key_file="/etc/wireguard/private/wg0.key")
    world.state = replace(after(), device=replace(after().device, private_key=None))
    assert watchdog() == 0
    assert not world.recorded
    assert world.report
    assert world.report.problem == "/etc/wireguard/private/wg0.key has another private key than before"


# --- the check before arming


def check() -> int:
    return rollback.main(["wg0", NAME, _watchdog.CHECK])


@pytest.fixture
def ready(world: World) -> World:
    """A change that is recorded, with its program, and nothing is changed yet."""
    change = world.record()
    Path(change.program).write_bytes(zipapp.build_program(rollback.main))
    world.state = before()
    return world


def test_the_check_changes_nothing(ready: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert (check(), capsys.readouterr().err) == (0, "")
    assert (ready.state, ready.applied, ready.slept, ready.recorded) == (before(), [], [], True)


@pytest.mark.parametrize("broken", [*Part, World])
def test_the_check_fails_where_a_part_cannot_be_read_or_changed(
    ready: World, broken: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ready.broken[broken] = KernelError(80, "load pyroute2", "No module named 'pyroute2'")
    assert check() == 1
    assert "No module named 'pyroute2'" in capsys.readouterr().err


def test_the_check_plans_the_restore(
    ready: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rollback, "diff_restore", lambda *_states: 1 // 0)
    assert check() == 1
    assert capsys.readouterr().err == "ZeroDivisionError: integer division or modulo by zero\n"


def test_the_check_loads_every_module_of_its_program(ready: World, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(_watchdog.program_path(NAME), "a") as program:
        program.writestr("ansible_collections/cryptokey/wireguard/plugins/module_utils/_gone.py", "")
    assert check() == 1
    assert "_gone" in capsys.readouterr().err


def test_the_check_is_about_that_change(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == 1
    assert capsys.readouterr().err == f"there is no unconfirmed change {NAME} of wg0\n"


def arm(monkeypatch: pytest.MonkeyPatch, problem: str = "") -> list[str]:
    """What arming does in order; the check finds the problem."""
    calls: list[str] = []

    def checked(change: record.Unconfirmed) -> None:
        assert record.find_change("wg0") == change
        calls.append("check")
        if problem:
            raise _watchdog.WatchdogError(problem)

    monkeypatch.setattr(_watchdog, "check", checked)
    monkeypatch.setattr(_watchdog, "start", lambda _change: calls.append("start"))
    monkeypatch.setattr(_watchdog, "ensure_directory", lambda *_folder: None)
    monkeypatch.setattr(_watchdog, "unit_name", lambda _change: "")
    commit = guard.RollbackGuard({"confirm": "always"}, DesiredInterface("wg0"), True, lambda _after: {})
    try:
        commit.arm(before(), after(), {})
    except ConvergeError as error:
        calls.append(str(error))
    return calls


def test_it_is_armed_once_it_has_shown_that_it_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert arm(monkeypatch) == ["check", "start"]
    assert world.recorded


def test_where_it_does_not_work_nothing_is_armed_and_nothing_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = arm(monkeypatch, "it does not find pyroute2")
    assert calls[0] == "check"
    assert len(calls) == 2
    assert "it does not find pyroute2. Nothing was changed" in calls[1]
    assert list(world.folder.iterdir()) == []


# --- confirm, rolled_back, and the next run


def confirmed(world: World) -> confirm.ConfirmResult:
    world.state = replace(before(), mtu=1300)
    return confirm.confirm({"interface": "wg0", "change": NAME})


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is remembered as applied."""
    done: list[str] = []
    monkeypatch.setattr(confirm, "load_endpoints", lambda _interface: {})
    monkeypatch.setattr(confirm, "record_endpoints", lambda *_given: done.append("endpoints"))
    monkeypatch.setattr(confirm, "record_last_netns", lambda *_given: done.append("place"))
    return done


def test_a_confirmed_change_stays(world: World, remembered: list[str]) -> None:
    change = world.record()
    assert confirmed(world).changed
    assert (world.recorded, Path(change.program).exists(), remembered) == (False, False, ["endpoints", "place"])


def test_a_confirmed_change_stays_if_it_cannot_be_remembered(
    world: World, remembered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError("No space left on device")

    change = world.record()
    monkeypatch.setattr(confirm, "record_endpoints", full)
    answer = confirmed(world)
    assert answer.changed
    (warning,) = answer.warnings
    assert warning == "wg0: the change is confirmed, but its endpoints could not be recorded: No space left on device"
    # The rest is done.
    assert (world.recorded, Path(change.program).exists(), remembered) == (False, False, ["place"])


@pytest.mark.parametrize("part", [Part.NETFILTER, Part.DNS])
def test_no_other_program_is_needed_to_confirm(world: World, remembered: list[str], part: Part) -> None:
    world.record()
    world.broken[part] = REFUSED
    assert confirmed(world).changed


def test_name_servers_are_no_change_of_the_interface_that_tunnels_must_prove(
    world: World, remembered: list[str]
) -> None:
    """They are not read here, so that they always seemed to be gone."""
    was = before()
    hub = was.device.peers[PEER]._replace(latest_handshake=time.time())
    was = replace(was, device=replace(was.device, peers={PEER: hub}))
    world.record(before=was)
    world.state = replace(was, dns=NO_DNS, netfilter={})
    assert confirm.confirm({"interface": "wg0"}).tunnels == []


def test_a_change_is_not_confirmed_that_was_rolled_back_while_this_waited_for_the_lock(
    world: World, remembered: list[str]
) -> None:
    world.record()

    def rolled_back() -> None:
        world.on_lock = lambda: None
        with world.lock("wg0"):
            change = record.find_change("wg0")
            assert change
            rollback.roll_back(change)

    world.on_lock = rolled_back
    with pytest.raises(confirm.ConfirmError, match=r"was rolled back at .*, before it was confirmed"):
        confirmed(world)
    assert remembered == []


def test_a_change_whose_rollback_has_begun_is_not_confirmed(world: World, remembered: list[str]) -> None:
    world.record()
    world.broken[Part.DNS] = REFUSED
    assert confirm.ensure_rolled_back({"interface": "wg0"}).pending
    with pytest.raises(
        confirm.ConfirmError, match="is being rolled back, but not everything is restored yet: name servers: read"
    ):
        confirmed(world)
    assert (world.recorded, remembered) == (True, [])


def test_what_cannot_be_rolled_back_at_once_stays_recorded_for_the_next_attempt(world: World) -> None:
    change = world.record()
    world.broken[Part.DNS] = REFUSED
    answer = confirm.ensure_rolled_back({"interface": "wg0"})
    assert answer.report
    assert (answer.changed, answer.pending, world.recorded) == (True, change, True)
    assert "name servers: read the name servers" in answer.report.problem
    assert Path(change.program).exists()
    world.broken.clear()
    answer = confirm.ensure_rolled_back({"interface": "wg0"})
    assert answer.report
    assert (answer.pending, answer.report.problem, world.recorded) == (None, "", False)
    assert answer.report.changes == world.applied
    assert confirm.ensure_rolled_back({"interface": "wg0"}) == confirm.ConfirmResult(False, [], answer.report)


def test_a_change_that_is_confirmed_while_this_waits_for_the_lock_is_not_rolled_back(world: World) -> None:
    world.record()
    world.on_lock = lambda: record.forget_change("wg0")
    assert confirm.ensure_rolled_back({"interface": "wg0"}) == confirm.ConfirmResult(False, [])
    assert world.applied == []


def test_what_waits_and_what_was_rolled_back_can_be_looked_at(world: World) -> None:
    change = world.record()
    assert confirm.read_unconfirmed({"interface": "wg0"}) == confirm.ConfirmResult(False, [], None, change)
    watchdog()
    assert confirm.read_unconfirmed({"interface": "wg0"}) == confirm.ConfirmResult(False, [], world.report, None)


@pytest.mark.parametrize(("left", "check_mode"), [(20, False), (-29, False), (20, True), (-31, True)])
def test_the_next_run_says_at_once_what_is_in_its_way(world: World, left: float, check_mode: bool) -> None:
    change = world.record(left)
    warnings: list[str] = []
    with pytest.raises(pending.UnconfirmedError) as error:
        rollback.roll_back_overdue("wg0", check_mode, warnings)
    problem = f"is rolled back in 20 s, at {change.date}" if left > 0 else "its rollback is not finished"
    assert problem in str(error.value)
    assert error.value.pending["change"] == NAME
    assert error.value.pending["seconds_left"] == left
    assert (world.slept, world.recorded, warnings, world.state) == ([], True, [], after())


def test_the_next_run_does_the_work_of_a_watchdog_that_was_ended(world: World) -> None:
    world.record(-31)
    warnings: list[str] = []
    rollback.roll_back_overdue("wg0", False, warnings)
    assert (world.state, world.recorded, len(warnings)) == (before(), False, 1)
    rollback.roll_back_overdue("wg0", False, warnings)
    assert len(warnings) == 1


def test_the_next_run_says_what_it_could_not_restore(world: World) -> None:
    """Here the key, which no file has any more: to try again is of no use."""
    world.record(-31, key_file=str(world.folder / "gone.key"))
    warnings: list[str] = []
    rollback.roll_back_overdue("wg0", False, warnings)
    (warning,) = warnings
    assert warning.endswith(f"but not completely: {world.folder}/gone.key has another private key than before")
    assert not world.recorded


def test_the_next_run_looks_again_under_the_lock(world: World) -> None:
    world.record(-31)
    world.on_lock = lambda: record.forget_change("wg0")
    rollback.roll_back_overdue("wg0", False, [])
    assert world.applied == []


def test_the_next_run_fails_while_not_all_can_be_restored(world: World) -> None:
    world.record(-31)
    world.broken[Part.DNS] = REFUSED
    with pytest.raises(
        InputError,
        match=r"the state before its last change cannot be fully restored: name servers: read the name servers",
    ) as error:
        rollback.roll_back_overdue("wg0", False, [])
    assert f"remove {world.folder}/wg0.unconfirmed" in str(error.value)
    assert world.recorded
    assert only(world.state, Part.INTERFACE) == only(before(), Part.INTERFACE)


def test_a_run_looks_again_under_its_lock(world: World) -> None:
    world.record(20)
    with pytest.raises(pending.UnconfirmedError):
        pending.refuse_unconfirmed("wg0")
    record.forget_change("wg0")
    pending.refuse_unconfirmed("wg0")


# --- the program alone


def alone(world: World, *arguments: str, **plan: Any) -> Any:
    """What came of the program, run in a bare interpreter that has nothing else but the simulated kernel."""
    program = Path(_watchdog.program_path(NAME))
    program.write_bytes(zipapp.build_program(rollback.main))
    command = [sys.executable, "-I", "-S", str(ALONE), str(program), str(world.folder), json.dumps(plan), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={}, timeout=120)
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("plan", "code", "restored", "recorded"),
    [
        ({}, 0, True, False),
        ({"broken": ["interface", "netfilter table", "name servers"], "attempts": 2}, 0, True, False),
        ({"broken": ["name servers"], "attempts": 20}, 0, True, False),
        ({"broken": ["name servers"], "attempts": 10000}, 1, False, True),
        ({"absent": True}, 0, False, False),
        ({"moved": True}, 0, True, False),
        ({"lock": True}, 0, True, False),
        ({"confirmed": True}, 0, False, False),
    ],
)
def test_the_program_rolls_back_with_nothing_but_what_it_carries(
    world: World, plan: dict[str, Any], code: int, restored: bool, recorded: bool
) -> None:
    started = world.record(20, before=RunningState("wg0")) if plan.get("absent") else world.record(20)
    if plan.get("moved"):
        record.record_change(replace(started, netns="vpn"))
    outcome = alone(world, "wg0", NAME, **plan)
    assert (outcome["code"], outcome["restored"], outcome["recorded"]) == (code, restored, recorded)
    assert outcome["called"] == ([str(PEER)] if restored or plan.get("broken") else [])
    if plan.get("absent"):
        assert outcome["exists"] is False


def test_the_program_shows_that_it_works_with_nothing_but_what_it_carries(world: World) -> None:
    world.record(20)
    assert alone(world, "wg0", NAME, _watchdog.CHECK)["code"] == 0
