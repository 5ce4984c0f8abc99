# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of files that somebody else has written, and how it keeps the keys in them."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.adopt import adopt_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config_info import describe_files
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import KEYS, PRIVATE_KEYS

# No interface of this machine has this name, so that nothing runs.
NAME = "wg-adopt-test"
PRIVATE, OTHER = PRIVATE_KEYS
PRESHARED = str(KEYS[3])
TEXT = f"""\
# by hand
[interface]
privatekey = {PRIVATE.reveal_base64()}
Address = 10.8.0.1/24
#PrivateKey = {PRESHARED}
ListenPort=51820 # why
PostUp = wg set %i peer {KEYS[0]} preshared-key <(echo {PRESHARED})
PreDown = echo  "two  spaces" # and a comment

[Peer]
# friendly_name = phone
PublicKey = {KEYS[0]}
PresharedKey = {PRESHARED}
AllowedIPs = 10.8.0.9"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    path = tmp_path / f"{NAME}.conf"
    path.write_text(TEXT)
    path.chmod(0o600)
    return tmp_path


def test_a_file_is_described_without_its_secrets(directory: Path) -> None:
    (directory / "not-an-interface-by-its-length.conf").write_text("x")
    (directory / "wg9.conf.bak").write_text("x")
    (described,) = describe_files(None, managed=True, directory=str(directory))
    assert described == {
        "interface": NAME,
        "path": f"{directory}/{NAME}.conf",
        "mode": "0600",
        "public_key": str(public_key_of(PRIVATE)),
        "listen_port": 51820,
        "fwmark": 0,
        "mtu": 0,
        "table": "auto",
        "addresses": ["10.8.0.1/24"],
        "netns": None,
        "save_config": False,
        "kept": [
            f"PostUp = wg set %i peer {KEYS[0]} preshared-key <(echo (redacted))",
            'PreDown = echo  "two  spaces" # and a comment',
        ],
        "comments": ["# by hand", "#PrivateKey = (redacted)", "# why"],
        "peers": [
            {
                "name": "phone",
                "public_key": str(KEYS[0]),
                "has_preshared_key": True,
                "endpoint": None,
                "allowed_ips": ["10.8.0.9/32"],
                "persistent_keepalive": 0,
            }
        ],
    }
    assert describe_files(["wg7"], directory=str(directory)) == []
    assert describe_files(directory=str(directory / "nowhere")) == []


def test_a_file_that_cannot_come_under_management_is_refused_where_it_says_so(directory: Path) -> None:
    path = directory / f"{NAME}.conf"
    path.write_text(TEXT.replace("ListenPort=51820", "  SaveConfig = true"))
    assert describe_files([NAME], directory=str(directory))[0]["save_config"] is True
    message = re.escape(
        f"{path} line 6 column 3 'SaveConfig = true': wg-quick would overwrite the file when it stops; rem"
    )
    with pytest.raises(InputError, match=message):
        describe_files([NAME], managed=True, directory=str(directory))


def test_all_that_cannot_be_read_is_told_at_once(directory: Path) -> None:
    for name in ("wg1", "wg2"):
        (directory / f"{name}.conf").write_text(f"[Interface]\nnonsense {PRESHARED}\n")
    with pytest.raises(InputError) as caught:
        describe_files(directory=str(directory))
    assert "wg1.conf line 2 column 1" in str(caught.value)
    assert "wg2.conf line 2 column 1" in str(caught.value)
    assert PRESHARED[:20] not in str(caught.value)


def test_the_key_is_put_into_its_file_and_stays_there(directory: Path) -> None:
    keys = directory / "private"
    path = keys / f"{NAME}.key"

    def adopt(check_mode: bool = False) -> tuple[bool, str | None]:
        outcome = adopt_key({"interface": NAME}, check_mode, str(directory), str(keys))
        assert outcome.path == str(path)
        return outcome.changed, str(outcome.public_key) if outcome.public_key else None

    assert adopt(check_mode=True) == (True, str(public_key_of(PRIVATE)))
    assert not keys.exists()
    assert adopt() == (True, str(public_key_of(PRIVATE)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PrivateKey(PRIVATE.reveal_bytes()).reveal_base64() == path.read_text().strip()
    assert adopt() == adopt(check_mode=True) == (False, str(public_key_of(PRIVATE)))


def test_a_key_file_with_another_key_is_left_and_refused(directory: Path) -> None:
    path = directory / f"{NAME}.key"
    path.write_text(OTHER.reveal_base64())
    path.chmod(0o600)
    with pytest.raises(InputError, match=r"its key differs from .*; move the file away") as caught:
        adopt_key({"interface": NAME}, False, str(directory), str(directory))
    assert path.read_text() == OTHER.reveal_base64()
    assert PRIVATE.reveal_base64()[:20] not in str(caught.value)


def test_without_any_key_there_is_none_to_keep(directory: Path) -> None:
    (directory / f"{NAME}.conf").write_text("[Interface]\n")
    with pytest.raises(InputError, match="there is no private key here, and no running"):
        adopt_key({"interface": NAME}, False, str(directory), str(directory / "private"))
    assert not (directory / "private").exists()


def test_bytes_that_are_not_utf8_are_shown_as_such(directory: Path) -> None:
    path = directory / f"{NAME}.conf"
    text = f"[Interface]\nPrivateKey = {PRIVATE.reveal_base64()}\n".encode()
    peer = f"# by the b\udcfcro\n[Peer]\nPublicKey = {KEYS[0]}\n# friendly_name = b\udcfcro\n"
    path.write_bytes(text + b"PostUp = echo \xff # \xc3\xa9\n" + peer.encode("utf-8", "surrogateescape"))
    (described,) = describe_files([NAME], directory=str(directory))
    assert described["kept"] == ["PostUp = echo \\xff # é"]
    assert described["comments"] == ["# by the b\\xfcro"]
    assert described["peers"][0]["name"] == "b\\xfcro"
    json.dumps(described, ensure_ascii=False).encode()
    assert adopt_key({"interface": NAME}, False, str(directory), str(directory / "private")).changed
