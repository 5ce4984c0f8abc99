# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that fails gives the warnings that it had until then."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.modules import interface, rekey


@pytest.mark.parametrize(("module", "work"), [(interface, "ensure_present"), (rekey, "rekey")])
def test_warnings_are_given_with_the_failure(
    module: ModuleType, work: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def settled(_options: object, _check: bool, warnings: list[str]) -> None:
        warnings.append("rolled back only now")

    def failing(*_given: Any) -> None:
        raise InputError("peers", None, "no good", "give others")

    monkeypatch.setattr(module, "settle", settled)
    monkeypatch.setattr(module, work, failing)
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {"interface": "wg0"}}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit):
        module.main()
    result = json.loads(capsys.readouterr().out)
    assert (result["failed"], result["msg"]) == (True, "peers: no good; give others")
    assert "rolled back only now" in str(result["warnings"])
