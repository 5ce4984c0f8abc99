# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that fails gives the warnings that it had until then."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import errors
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import PREFIX, environment

SCRIPT = f"""
import importlib, sys
from ansible.module_utils import basic
from {errors.__name__} import InputError
basic._ANSIBLE_PROFILE = getattr(basic, "_ANSIBLE_PROFILE", None) or "legacy"
name, work = sys.argv[1:]
del sys.argv[1:]
module = importlib.import_module("{PREFIX}." + name)

def end_unconfirmed(options, check_mode, warnings):
    warnings.append("rolled back only now")

def fail(*given):
    raise InputError("peers", None, "no good", "give others")

module.end_unconfirmed = end_unconfirmed
setattr(module, work, fail)
module.main()
"""


@pytest.mark.parametrize(("name", "work"), [("interface", "ensure_present"), ("_rekey", "rekey")])
def test_warnings_are_given_with_the_failure(name: str, work: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, work],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"interface": "wg0"}}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert (result["failed"], result["msg"]) == (True, "peers: no good; give others")
    assert "rolled back only now" in str(result["warnings"])
