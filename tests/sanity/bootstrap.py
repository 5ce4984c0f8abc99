# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spares ansible-test the download of its pip bootstrap script: Python brings a pip that can fetch the right one.

ansible-test looks into a cache before it downloads. A script that is there already is left alone.
"""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

SCRIPT = """\
import subprocess, sys

# In a process of its own: ensurepip turns the user's settings for pip off.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *arguments]))
"""

version = get_venv_packages(SimpleNamespace(version=".".join(platform.python_version_tuple()[:2])))["pip"]
path = Path("~/.ansible/test/cache").expanduser() / f"get_pip_{version.replace('.', '_')}.py"
if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPT)
