# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the task makes of a provisional change, by what the host answers over new connections."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.action.interface import ActionModule

DONE = {"changed": True, "provisional": True, "change": "5b1f0c6d2a9e4837"}
BACK = {
    "change": "5b1f0c6d2a9e4837",
    "date": "2026-11-25T02:30:00Z",
    "seconds_ago": 1,
    "changes": ["set mtu 1420"],
    "operations": [{"action": "set", "peer": None, "attribute": "mtu", "before": 1400, "after": 1420}],
    "problem": "",
}
PENDING = {"change": "5b1f0c6d2a9e4837", "deadline": "2026-11-25T02:30:00Z", "seconds_left": 12, "seconds_ago": 8}
IN_THE_WAY = {"failed": True, "msg": "its last change is not confirmed yet", "pending": PENDING}
ANSWERED = {"changed": True, "tunnels": ["hub"]}
NO_PROOF = {"failed": True, "msg": "nothing was received through the tunnel from hub"}
ROLLED_BACK = {"changed": True, "tunnels": [], "rolled_back": BACK}
FORGOTTEN = {"changed": False, "tunnels": [], "rolled_back": None}
LOST = AnsibleConnectionFailure("Data could not be sent to remote host")


class Host:
    """Answers what it is told to, one after the other, the last one for ever; ``calls`` are what was asked and how new
    the connection was."""

    def __init__(self, *answers: dict[str, Any] | AnsibleConnectionFailure) -> None:
        self.answers = [*answers]
        self.calls: list[tuple[str, int]] = []
        self.connections = 0
        self.has_native_async = False
        self._shell = type("Shell", (), {"tmpdir": None})
        self.transport = "test"

    def reset(self) -> None:
        self.connections += 1

    def answer(self, name: str, state: str) -> dict[str, Any]:
        self.calls.append((state or name, self.connections))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, AnsibleConnectionFailure):
            raise answer
        return answer


class Display:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


class Task:
    """As far as the action looks at it."""

    async_val = 0
    diff = check_mode = False
    action = "cryptokey.wireguard.interface"

    def __init__(self, **arguments: Any) -> None:
        self.args = {"interface": "wg0", "confirm": "always", **arguments}


class Action(ActionModule):
    def __init__(self, host: Host, task: Task) -> None:
        self._connection = host
        self._task = task
        self._display = Display()

    def _execute_module(self, module_name: str | None = None, module_args: Any = None, **_others: Any) -> Any:
        return self._connection.answer(module_name or "interface", (module_args or {}).get("state", ""))

    def _remove_tmp_path(self, tmp_path: object, force: bool = False) -> None:
        pass


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which each look takes five seconds."""
    ticks = itertools.count(0, 5)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(ActionBase, "run", lambda _self, _tmp, _variables: {})


def ran(host: Host, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    plugin = Action(host, Task(**arguments))
    return plugin.run(task_vars={"inventory_hostname": "spoke1"}), plugin._display.warnings


def test_without_anything_provisional_nothing_is_asked() -> None:
    host = Host({"changed": True, "provisional": False})
    assert ran(host) == ({"changed": True, "provisional": False}, [])
    assert host.calls == [("interface", 0)]


def test_a_change_is_confirmed_over_a_new_connection() -> None:
    host = Host(DONE, ANSWERED)
    assert ran(host) == ({**DONE, "provisional": False, "tunnels": ["hub"]}, [])
    assert host.calls == [("interface", 0), ("confirmed", 1)]


def test_the_warnings_of_both_modules_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({**DONE, "warnings": ["one"]}, {**ANSWERED, "warnings": ["two\x1b", 3]})
    assert ran(host)[0]["warnings"] == ["one", "two?", "3"]
    assert "warnings" not in ran(Host(DONE, {**ANSWERED, "warnings": "no list"}))[0]


def test_the_new_connection_is_tried_again() -> None:
    host = Host(DONE, LOST, LOST, ANSWERED)
    result, warnings = ran(host)
    assert (result.get("failed"), result["tunnels"], warnings) == (None, ["hub"], [])
    assert host.calls[-1] == ("confirmed", 3)


def test_without_proof_the_old_state_is_called_back() -> None:
    host = Host(DONE, NO_PROOF, ROLLED_BACK)
    result, warnings = ran(host)
    assert (result["failed"], result["provisional"], result["rolled_back"]) == (True, False, BACK)
    assert result["msg"] == (
        "nothing was received through the tunnel from hub. "
        "The previous state was restored at 2026-11-25T02:30:00Z: set mtu 1420"
    )
    assert warnings == []
    assert host.calls[-1] == ("rolled_back", 2)


def test_without_a_connection_the_old_state_is_waited_for() -> None:
    host = Host(DONE, *[LOST] * 8, ROLLED_BACK)
    result, warnings = ran(host, confirm_timeout=30)
    (warning,) = warnings
    assert warning == (
        "spoke1: the host cannot be reached over a new connection: Data could not be sent to remote host. "
        "Waiting until it has restored the previous state."
    )
    assert result["failed"] is True
    assert "The previous state was restored at" in result["msg"]


def test_a_result_that_comes_when_the_time_is_over() -> None:
    """The change had cut the connection, and with the old state it was there again."""
    rolled_back = {"failed": True, "msg": "the change was rolled back at 2026-11-25T02:30:00Z, before it was confirmed"}
    result, _warnings = ran(Host(DONE, rolled_back, {**ROLLED_BACK, "changed": False}), confirm_timeout=3)
    assert result["msg"].startswith("the change was rolled back at 2026-11-25T02:30:00Z, before it was confirmed.")
    assert result["rolled_back"] == BACK


def test_a_result_that_comes_long_after_that() -> None:
    rolled_back = {"failed": True, "msg": "the change was rolled back at 2026-11-25T02:30:00Z, before it was confirmed"}
    result, _warnings = ran(Host(DONE, rolled_back, {**ROLLED_BACK, "changed": False}), confirm_timeout=-200)
    assert result["rolled_back"] == BACK


def test_a_host_that_stays_away() -> None:
    result, _warnings = ran(Host(DONE, LOST))
    assert (result["failed"], result["rolled_back"]) == (True, None)
    assert "so it is not known whether the previous state of wg0 was restored. Log in another way" in result["msg"]


def test_a_host_that_was_rebooted_meanwhile() -> None:
    unknown = {"failed": True, "msg": "there is no unconfirmed change 5b1f0c6d2a9e4837"}
    result, _warnings = ran(Host(DONE, LOST, unknown, FORGOTTEN))
    assert result["msg"].endswith("The change is no longer pending on the host; it may have rebooted")


@pytest.mark.parametrize("failed", [False, True])
def test_not_all_came_back(failed: bool) -> None:
    back = {**BACK, "problem": "name servers: read the dns of wg0: timed out"}
    answer = {**ROLLED_BACK, "rolled_back": back, "failed": failed, "pending": PENDING}
    result, _warnings = ran(Host(DONE, NO_PROOF, answer))
    assert "Not all of the previous state could be restored at 2026-11-25T02:30:00Z: name servers: " in result["msg"]
    assert result["rolled_back"] == back


def test_a_host_that_cannot_roll_back_says_why() -> None:
    locked = {"failed": True, "msg": "interface 'wg0': another run has had it locked."}
    result, _warnings = ran(Host(DONE, NO_PROOF, locked))
    assert "another run has had it locked. spoke1 has not answered" in result["msg"]


RESTORED = "The previous state was restored at 2026-11-25T02:30:00Z: set mtu 1420"
GONE = "The change is no longer pending on the host; it may have rebooted"
LATER = "The host restores the previous state by itself at 2026-11-25T02:30:00Z, in 12 seconds"
AGAIN = "The host has not restored all of the previous state yet, and tries again by itself"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"rolled_back": BACK, "pending": None}, RESTORED),
        ({"rolled_back": None, "pending": None}, GONE),
        ({"rolled_back": {**BACK, "change": "77"}, "pending": None}, GONE),
        ({"rolled_back": {**BACK, "change": "77"}, "pending": PENDING}, LATER),
        ({"rolled_back": None, "pending": {**PENDING, "seconds_left": -3}}, AGAIN),
    ],
)
def test_a_host_that_fails_to_roll_back_is_asked_once_what_it_knows(answer: dict[str, Any], told: str) -> None:
    locked = {"failed": True, "msg": "interface 'wg0': another run has had it locked."}
    host = Host(DONE, NO_PROOF, locked, answer)
    result, _warnings = ran(host)
    assert result["msg"] == f"{NO_PROOF['msg']}. interface 'wg0': another run has had it locked. {told}"
    assert [state for state, _connection in host.calls] == ["interface", "confirmed", "rolled_back", "reported"]


def test_what_ssh_and_the_host_say_is_shown_without_control_characters() -> None:
    lost = AnsibleConnectionFailure("\x1b]0;title\x07kex\r\n" + "x" * 9999)
    failed = {"failed": True, "msg": "\x1b[2J\nno"}
    for answers in ([DONE, lost, failed], [DONE, failed], [DONE, lost]):
        result, warnings = ran(Host(*answers), confirm_timeout=1)
        for text in (result["msg"], *warnings):
            assert text.isprintable()
            assert len(text) < 7000
    with pytest.raises(AnsibleConnectionFailure) as error:
        ran(Host(lost))
    assert str(error.value).isprintable()


def test_a_host_that_does_not_name_its_change_is_a_failure_of_its_own() -> None:
    result, _warnings = ran(Host({"changed": True, "provisional": True}, NO_PROOF, FORGOTTEN))
    assert result["failed"] is True


# --- the connection is lost before the result has come


def reported(**fields: Any) -> dict[str, Any]:
    return {"changed": False, "tunnels": [], "pending": None, "rolled_back": None, **fields}


def test_a_result_that_was_lost_is_told_by_the_hosts_own_report() -> None:
    host = Host(LOST, LOST, LOST, reported(rolled_back=BACK))
    result, warnings = ran(host, confirm_timeout=20)
    assert (result["failed"], result["rolled_back"]) == (True, BACK)
    assert result["msg"] == (
        "the connection was lost while wg0 was changed: Data could not be sent to remote host. "
        "The previous state was restored at 2026-11-25T02:30:00Z: set mtu 1420"
    )
    (warning,) = warnings
    assert warning.startswith("spoke1: the connection was lost while wg0 was changed: Data could not be sent")
    assert host.calls == [("interface", 0), ("reported", 1), ("reported", 2), ("reported", 3)]


def test_a_change_that_still_waits_is_rolled_back_at_once() -> None:
    host = Host(LOST, reported(pending=PENDING), ROLLED_BACK)
    result, _warnings = ran(host)
    assert (result["failed"], result["rolled_back"]) == (True, BACK)
    assert host.calls == [("interface", 0), ("reported", 1), ("rolled_back", 2)]


@pytest.mark.parametrize("old", [{"rolled_back": {**BACK, "seconds_ago": 3600}}, {}])
def test_a_report_of_a_change_before_is_not_ours(old: dict[str, Any]) -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"Data could not be sent.*wg0 has no provisional change"):
        ran(Host(LOST, reported(**old)))


def test_a_change_before_that_still_waits_is_left_alone() -> None:
    host = Host(LOST, reported(pending={**PENDING, "seconds_ago": 3600}), reported())
    with pytest.raises(AnsibleConnectionFailure, match="has no provisional change"):
        ran(host)
    assert "rolled_back" not in [state for state, _connection in host.calls]


def test_a_host_that_does_not_come_back_at_all_is_waited_for_in_bounds() -> None:
    host = Host(LOST)
    with pytest.raises(
        AnsibleConnectionFailure, match=r"spoke1 has not answered for \d+ seconds.*journalctl -t"
    ) as error:
        ran(host, confirm_timeout=20)
    assert "such as its console" in str(error.value)
    # Twenty seconds, and a minute for it to return, at five seconds a look and four looks an attempt.
    assert len(host.calls) < 8


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"rolled_back": "x", "pending": 7},
        {"rolled_back": {**BACK, "date": "{{ lookup('pipe', 'id') }}"}},
        {"rolled_back": {**BACK, "seconds_ago": "1"}},
        {"rolled_back": {**BACK, "changes": "set mtu 1420"}},
        {"rolled_back": {**BACK, "operations": {"action": "set"}}},
        {"pending": {**PENDING, "change": "../../x"}},
        {"pending": {**PENDING, "seconds_ago": -(10**12)}},
        {"pending": [PENDING]},
    ],
)
def test_a_host_that_answers_nonsense_is_not_believed(nonsense: dict[str, Any]) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        ran(Host(LOST, {"changed": False, **nonsense}), confirm_timeout=20)


def test_what_a_host_says_is_shown_without_control_characters() -> None:
    deep = {"action": "\x1b[2J", "after": [[["x"]]], "more": 1, "before": {"\x1b": 1.5}}
    back = {**BACK, "changes": ["\x1b[2J" + "x" * 9999, 7, *["set"] * 200], "operations": [deep, 7]}
    result, _warnings = ran(Host(LOST, reported(rolled_back=back)))
    assert "\x1b" not in result["msg"]
    assert "and 102 more" in result["msg"]
    assert len(result["msg"]) < 4000
    nothing = dict.fromkeys(("action", "peer", "attribute", "before", "after"))
    said = {**nothing, "action": " [2J", "after": [[None]], "before": {" ": None}}
    assert result["rolled_back"]["operations"] == [said, nothing]


def test_a_connection_that_was_never_made_is_not_waited_for() -> None:
    never = AnsibleConnectionFailure("ssh: connect to host 192.0.2.1 port 22: No route to host")
    host = Host(never)
    with pytest.raises(AnsibleConnectionFailure, match=r"^ssh: connect to host"):
        ran(host)
    assert host.calls == [("interface", 0)]


def test_without_confirm_a_lost_connection_is_just_that() -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"^Data could not be sent to remote host$"):
        ran(Host(LOST), confirm="never")


# --- another run's change is in the way


def test_another_runs_change_is_named_at_once_and_waited_for() -> None:
    host = Host(IN_THE_WAY, {**IN_THE_WAY, "pending": {**PENDING, "seconds_left": 2}}, {"changed": True})
    result, warnings = ran(host, confirm="never")
    (warning,) = warnings
    assert warning == (
        "spoke1: another run's change of wg0 is not confirmed yet. Waiting until it is confirmed, or rolled back at "
        "2026-11-25T02:30:00Z, which is in 12 seconds"
    )
    assert result["changed"] is True
    assert "failed" not in result
    assert len(result["warnings"]) == 1
    assert [name for name, _connection in host.calls] == ["interface"] * 3


def test_it_is_not_waited_for_longer_than_a_change_can_wait() -> None:
    host = Host(IN_THE_WAY)
    result, warnings = ran(host)
    assert (result["failed"], result["pending"], len(warnings)) == (True, PENDING, 1)
    assert len(host.calls) < 800


def test_the_next_change_that_is_in_the_way_is_named_too() -> None:
    other = {**IN_THE_WAY, "pending": {**PENDING, "change": "77"}}
    _result, warnings = ran(Host(IN_THE_WAY, other, {"changed": False}))
    assert len(warnings) == 2


def test_a_change_that_is_long_overdue_is_not_waited_for() -> None:
    host = Host({**IN_THE_WAY, "pending": {**PENDING, "seconds_left": -61}})
    result, warnings = ran(host)
    assert (result["failed"], warnings, len(host.calls)) == (True, [], 1)


def test_a_timeout_that_is_no_number_is_for_the_module_to_refuse() -> None:
    refused = {"failed": True, "msg": "confirm_timeout 'soon': not a number"}
    assert ran(Host(refused), confirm_timeout="soon") == (refused, [])
