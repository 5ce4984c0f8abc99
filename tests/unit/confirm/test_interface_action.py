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
BACK = {"change": "5b1f0c6d2a9e4837", "date": "2026-11-25T02:30:00Z", "operations": ["set mtu 1420"], "problem": ""}
ANSWERED = {"changed": True, "tunnels": ["hub"]}
NO_PROOF = {"failed": True, "msg": "nothing came through the tunnel from hub"}
ROLLED_BACK = {"changed": True, "tunnels": [], "rolled_back": BACK}
FORGOTTEN = {"changed": False, "tunnels": [], "rolled_back": None}
LOST = AnsibleConnectionFailure("no route to host")


class Host:
    """Answers what it is told to, one after the other, the last one for ever; ``calls`` are what was asked and how new
    the connection was."""

    def __init__(self, *answers: dict[str, Any] | AnsibleConnectionFailure) -> None:
        self.answers = [*answers]
        self.calls: list[tuple[str, int]] = []
        self.connections = 0
        self.has_native_async = False
        self._shell = type("Shell", (), {"tmpdir": None})

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
    return plugin.run(), plugin._display.warnings


def test_without_anything_provisional_nothing_is_asked() -> None:
    host = Host({"changed": True, "provisional": False})
    assert ran(host) == ({"changed": True, "provisional": False}, [])
    assert host.calls == [("interface", 0)]


def test_a_change_is_confirmed_over_a_new_connection() -> None:
    host = Host(DONE, ANSWERED)
    assert ran(host) == ({**DONE, "provisional": False, "tunnels": ["hub"]}, [])
    assert host.calls == [("interface", 0), ("confirmed", 1)]


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
        "nothing came through the tunnel from hub. What was before is back since 2026-11-25T02:30:00Z: set mtu 1420"
    )
    assert warnings == []
    assert host.calls[-1] == ("rolled_back", 2)


def test_without_a_connection_the_old_state_is_waited_for() -> None:
    host = Host(DONE, *[LOST] * 8, ROLLED_BACK)
    result, warnings = ran(host, confirm_timeout=30)
    (warning,) = warnings
    assert warning == (
        "the host cannot be reached over a new connection: no route to host. "
        "Waiting for it to put back what was before the change."
    )
    assert result["failed"] is True
    assert "What was before is back since" in result["msg"]


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
    assert "is not known, as the host does not answer" in result["msg"]


def test_a_host_that_was_rebooted_meanwhile() -> None:
    unknown = {"failed": True, "msg": "there is no unconfirmed change 5b1f0c6d2a9e4837"}
    result, _warnings = ran(Host(DONE, LOST, unknown, FORGOTTEN))
    assert result["msg"].endswith("The host knows of no such change any more, as after a reboot")


def test_not_all_came_back() -> None:
    back = {**BACK, "problem": "still to do: add route 10.0.0.0/8"}
    result, _warnings = ran(Host(DONE, NO_PROOF, {**ROLLED_BACK, "rolled_back": back}))
    assert "Not all of what was before came back" in result["msg"]
    assert "add route 10.0.0.0/8" in result["msg"]


def test_a_connection_that_is_lost_in_the_middle_is_explained() -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"(?s)no route to host.*the host undoes it 60 seconds after"):
        ran(Host(LOST))
    with pytest.raises(AnsibleConnectionFailure, match=r"^no route to host$"):
        ran(Host(LOST), confirm="never")
