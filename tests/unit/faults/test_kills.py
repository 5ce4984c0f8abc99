# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that write files are killed at every call by which they do. Those that change the kernel are in tests/kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.faults.files import cleared, file_scenarios, names
from ansible_collections.cryptokey.wireguard.tests.faults.kills import Scenario, each_kill, list_calls

FILE_SCENARIOS = ["made", "removed", "replaced", "taken back", "recorded"]


@pytest.mark.parametrize("what", FILE_SCENARIOS)
def test_what_is_left_is_whole_and_the_next_run_mends_the_rest(tmp_path: Path, what: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (scenario,) = (each for each in file_scenarios(tmp_path, work) if each.name.endswith(what))
    calls = []
    for call in each_kill(scenario, work):
        scenario.check()
        calls.append(call.name)
    assert {"flock"} < set(calls)


def test_a_run_is_really_killed_at_each_call(tmp_path: Path) -> None:
    """By one that writes three files, one after the other."""
    folder = tmp_path / "folder"

    def run() -> None:
        for name in "abc":
            (folder / name).touch()

    scenario = Scenario("", cleared(folder), run, lambda: None, ("openat",))
    assert [names(folder) for _call in each_kill(scenario, tmp_path)] == [[], ["a"], ["a", "b"]]


def test_what_only_reads_is_passed_over_and_counted() -> None:
    lines = [
        'openat(AT_FDCWD, "a", O_RDONLY|O_CLOEXEC) = 3',
        'write(3, "x", 1) = 1',
        "+++ exited with 0 +++",
        'openat(3, "b", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4',
        'openat(3, "c", O_RDONLY|O_CREAT, 0600) = 4',
        'sendto(3, "<14>Nov 25 03:47:55 ansible-config: Invoked with"..., 99, MSG_NOSIGNAL, NULL, 0) = 99',
        "sendto(5, [{nlmsg_len=24, nlmsg_type=RTM_GETADDR}, {ifa_family=AF_UNSPEC}], 24, 0, NULL, 0) = 24",
    ]
    expected = [("write", 1), ("openat", 2), ("openat", 3), ("sendto", 2)]
    assert [call[:2] for call in list_calls(lines)] == expected
