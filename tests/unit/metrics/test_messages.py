# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program of the metrics says to people, of files that are not as they should be."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics import drift, program
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.program import DRIFT_OPTION, run_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import render_metrics_settings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import decode


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "metrics.json"
    path.write_text(render_metrics_settings({"directory": str(tmp_path), "interfaces": [{"interface": "wg0"}]}))
    monkeypatch.setattr(program, "PATH", str(path))
    return path


def test_drift_at_a_peer_whose_name_is_not_utf_8_is_printed(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "find_drift", lambda *_given: (decode(b"peer caf\xe9 (key): add"),))
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", output)
    assert run_metrics([DRIFT_OPTION]) == 2
    output.seek(0)
    assert output.read() == "wg0: peer caf\\xe9 (key): add\n"


def test_settings_that_are_not_text_are_refused(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.write_bytes(settings.read_bytes()[:-9] + b"\xff\xfe")
    assert run_metrics([]) == 1
    assert "run Ansible again for this host" in capsys.readouterr().err
