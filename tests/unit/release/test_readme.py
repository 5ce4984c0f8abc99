# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands of the README run against a tarball, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests import readme

TARBALL = Path("/somewhere/cryptokey-wireguard-1.0.0.tar.gz")
TEXT = """
```console
$ ansible-galaxy collection install cryptokey.wireguard   # from Galaxy
$ ansible-playbook -i inventory.yml \\
    cryptokey.wireguard.site
PLAY [Set up]
```

```yaml
all:
  vars: {wireguard_networks: {}}
```

`ansible-playbook cryptokey.wireguard.plan` and `make help`, not `--check` or `wg show`.
"""


def test_commands_are_found_in_console_blocks_and_in_backquotes() -> None:
    assert readme.find_commands(TEXT) == [
        "ansible-galaxy collection install cryptokey.wireguard   # from Galaxy",
        "ansible-playbook -i inventory.yml      cryptokey.wireguard.site",
        "ansible-playbook cryptokey.wireguard.plan",
        "make help",
    ]
    assert "wireguard_networks" in readme.find_inventory(TEXT)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ansible-galaxy collection install cryptokey.wireguard  # x", ["--offline", str(TARBALL)]),
        (f"ansible-galaxy collection install {TARBALL.name}", ["--offline", str(TARBALL)]),
        ("ansible-playbook -i x cryptokey.wireguard.site", ["cryptokey.wireguard.site", "--syntax-check"]),
        ("ansible-playbook cryptokey.wireguard.plan", ["cryptokey.wireguard.plan", "-i", "inventory.yml"]),
        ("ansible-doc cryptokey.wireguard.interface", ["cryptokey.wireguard.interface"]),
        ("make help", []),
    ],
)
def test_commands_need_no_host_and_no_index(command: str, expected: list[str]) -> None:
    words = readme.runnable(command, TARBALL)
    assert words[len(words) - len(expected) :] == expected


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("ansible-galaxy collection install cryptokey-wireguard-0.9.0.tar.gz", "expected cryptokey.wireguard or"),
        ("make nothing", "the Makefile has no target nothing"),
    ],
)
def test_a_wrong_version_or_target_is_refused(command: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        readme.runnable(command, TARBALL)
