# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search for the hosts' private keys where they must not be. The exit code is 1 if one is found, with a list of places.

Reads the keys into memory over the lab's own connection. It searches the output of a run at -vvvv, all other files that
the runs left in the folders of the lab (without disks) and of Molecule, and each host's journal. The public keys, which
have the same form, must be in that output. This shows that the search finds keys.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
LAB = Path(os.environ["LAB_DIR"])
FOLDERS = (LAB, Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]), Path.home() / ".ansible" / "tmp")


def on_host(host: str, command: str) -> bytes:
    """Return the output of a command on a machine of the lab."""
    call = [sys.executable, str(PROJECT / "tests" / "lab"), "ssh", "--dir", str(LAB), host, command]
    return subprocess.run(call, stdout=subprocess.PIPE, check=True).stdout


def haystacks(hosts: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each place to search with its content."""
    for host in hosts:
        yield f"the journal of {host}", on_host(host, "journalctl --all --no-pager --output=export")
        folders = "/tmp /var/tmp /root/.ansible /var/lib/prometheus"
        yield f"temporary files and metrics of {host}", on_host(host, f"tar -cf - {folders} 2>/dev/null; true")
    for folder in FOLDERS:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".qcow2":
                yield str(path), path.read_bytes()


def main() -> int:
    sys.path.insert(0, str(PROJECT / "build" / "collections"))
    from ansible_collections.cryptokey.wireguard.tests.leaks.search import forms

    hosts = [machine["name"] for machine in json.loads((LAB / "lab.json").read_text(encoding="utf-8"))]
    output = (LAB / "site.log").read_bytes()
    secrets = {}
    for host in hosts:
        private, public = on_host(host, "cat /etc/wireguard/private/wg0.key; wg show wg0 public-key").decode().split()
        secrets[host] = forms(private)
        if public.encode() not in output:
            print(f"the public key of {host} is not in {LAB}/site.log; run all of site.yml with -vvvv", file=sys.stderr)
            return 1
    places = 0
    found = []
    for place, content in haystacks(hosts):
        places += 1
        found += [
            f"{place}: the key of {h}, {f}" for h, all_ in secrets.items() for f, s in all_.items() if s in content
        ]
    print("\n".join(found) or f"no private key in {places} places", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
