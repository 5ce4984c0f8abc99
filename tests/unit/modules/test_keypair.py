# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""keypair, run as Ansible runs it."""

from __future__ import annotations

import base64
from pathlib import Path

from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import run_module, run_task


def spellings(path: Path) -> tuple[str, str]:
    key = base64.b64decode(path.read_text())
    return base64.b64encode(key).decode(), key.hex()


def test_check_then_make_then_keep(tmp_path: Path) -> None:
    path = tmp_path / "private" / "wg0.key"
    checked = run_module("keypair", {"private_key_file": str(path)}, check=True)
    assert checked.changed is True
    assert "public_key" not in checked.result
    assert not path.parent.exists()

    made = run_module("keypair", {"private_key_file": str(path)}, diff=True)
    kept = run_module("keypair", {"private_key_file": str(path)})
    checked = run_module("keypair", {"private_key_file": str(path)}, check=True)
    assert (made.changed, kept.changed, checked.changed) == (True, False, False)
    assert len(base64.b64decode(made.result["public_key"])) == 32
    assert kept.result["public_key"] == checked.result["public_key"] == made.result["public_key"]
    for run in (made, kept, checked):
        assert not any(key in run.output for key in spellings(path))

    for check, changed in ((True, True), (False, True), (False, False)):
        assert run_module("keypair", {"private_key_file": str(path), "state": "absent"}, check=check).changed is changed
    assert not path.exists()


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "wg0.key"
    path.write_text("junk")
    path.chmod(0o644)
    message = run_module("keypair", {"private_key_file": str(path)}).message
    assert message == (
        f"private key file '{path}': mode 0644: other users may have read it; "
        "remove it for a new key, or chmod it to 0600 if you trust it"
    )


def test_an_error_of_the_system_is_a_message() -> None:
    assert "/proc" in run_module("keypair", {"private_key_file": "/proc/wg0.key"}).message


def test_the_loudest_task_never_shows_the_key(tmp_path: Path) -> None:
    path = tmp_path / "private" / "wg0.key"
    made = run_task("keypair", {"private_key_file": str(path)}, tmp_path / "made")
    assert '"public_key"' in made.output
    private, in_hex = spellings(path)
    path.chmod(0o640)
    refused = run_task("keypair", {"private_key_file": str(path)}, tmp_path / "refused")
    assert "other users may have read it" in refused.output
    for text in (*made, *refused):
        assert private not in text
        assert in_hex not in text
