# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook in a real run over a local connection, on files that people have, and then site.yml."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import decode, parse
from ansible_collections.cryptokey.wireguard.tests.unit.adopt.test_recognise import NO_ADDRESS, PROVIDER
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.test_playbooks import ISOLATED
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

# Nothing of this machine is touched, and what is written is brought out in the end.
SCRIPT = """
mount -t tmpfs none /etc/wireguard; mount -t tmpfs none /run; ip link set lo up
names=wgtest0,wgtest1,wgtest2
install -m 600 etc/*.conf /etc/wireguard
ansible-playbook -i inventory.yml cryptokey.wireguard.adopt -e wireguard_adopt_interfaces=$names || true
ansible-playbook -i inventory.yml cryptokey.wireguard.site --skip-tags running
cp /etc/wireguard/*.conf out
ansible-playbook -i inventory.yml cryptokey.wireguard.site --skip-tags running
"""
HOOK = b"PostUp = logger 'b\xfcro is up'\n"


def test_files_of_a_provider_and_without_an_address_say_the_same_afterwards(tmp_path: Path) -> None:
    variables = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"box": variables}}}))
    for name in ("bin", "etc", "out"):
        (tmp_path / name).mkdir()
    for tool in ("nft", "ping", "resolvconf"):
        (tmp_path / "bin" / tool).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / tool).chmod(0o755)
    before = {
        "wgtest0": PROVIDER.encode().replace(b"[Interface]\n", b"[Interface]\n" + HOOK),
        "wgtest1": NO_ADDRESS.encode(),
        "wgtest2": b"[Interface]\n; mine\n",
    }
    for name, data in before.items():
        (tmp_path / "etc" / f"{name}.conf").write_bytes(data)
    done = subprocess.run(
        [*ISOLATED, SCRIPT],
        cwd=tmp_path,
        env=environment(tmp_path, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    place = "/etc/wireguard/wgtest2.conf line 2 column 1"
    assert f"box: {place}: ';' does not start a comment here; write '#' in its place" in output
    adopted, first, second = (Run(0, f"PLAY RECAP{part}") for part in re.split("PLAY RECAP", output)[1:])
    counts = [run.recap["box"] for run in (adopted, first, second)]
    assert [(each["failed"], each["changed"] > 0) for each in counts] == [(1, True), (0, True), (0, False)], output
    for name in ("wgtest0", "wgtest1"):
        data = (tmp_path / "out" / f"{name}.conf").read_bytes()
        written, was = parse(decode(data)), parse(decode(before[name]))
        assert (written.addresses, written.listen_port) == (was.addresses, was.listen_port)
        assert {peer._replace(name=None) for peer in written.peers} == set(was.peers)
        assert written.private_key == was.private_key
        assert set(was.unmanaged) <= set(written.unmanaged)
    assert HOOK in (tmp_path / "out" / "wgtest0.conf").read_bytes()
