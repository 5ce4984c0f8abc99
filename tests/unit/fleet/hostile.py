# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A managed host that answers what it likes, and answers that no honest host gives."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

# In place of the host's interpreter: it runs the module, and then changes what that has printed.
_PYTHON = """\
#!{python}
import json, re, subprocess, sys
found = re.search(r"AnsiballZ_(\\w+)\\.py", " ".join(sys.argv))
answers = json.loads(open({path!r}).read())
done = subprocess.run([sys.executable, *sys.argv[1:]], capture_output=True, text=True)
answer = answers.get(found.group(1)) if found else None
if isinstance(answer, str):
    done.stdout = answer
elif answer is not None or ("*" in answers and found):
    result = json.loads(done.stdout.strip().splitlines()[-1])
    result.pop("failed", None) if answer else None
    done.stdout = json.dumps({{**result, **(answer or {{}}), **answers.get("*", {{}})}})
    done.returncode = 0 if answer else done.returncode
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
"""

ESCAPE = "\x1b]0;owned\x07\x1b[2J"
JINJA = "{{ lookup('ansible.builtin.pipe', 'touch OWNED') }}"
# Values of every wrong kind, for any place of a result.
VALUES: dict[str, Any] = {
    "none": None,
    "number": 7,
    "negative": -1,
    "not a number": float("nan"),
    "huge number": 10**400,
    "flag": True,
    "text": "x",
    "path": "../../../../etc/passwd",
    "control characters": ESCAPE,
    "template": JINJA,
    "huge text": "A" * 3_000_000,
    "list": [1, [2]],
    "dictionary": {"a": {"b": None}},
    "list of numbers": [1, 2, 3],
    "list of dictionaries": [{}, {"results": 1}],
}


def hostile_python(folder: Path, answers: dict[str, Any]) -> str:
    """The path of an interpreter for ``ansible_python_interpreter``.

    ``answers`` maps the name of a module to what its result is changed in, or to the whole text that it prints; ``*``
    to what is changed in the results of all modules.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "answers.json"
    path.write_text(json.dumps(answers))
    python = folder / "python"
    python.write_text(_PYTHON.format(python=shlex.quote(sys.executable), path=str(path)))
    python.chmod(0o755)
    return str(python)


def is_clean(text: str) -> bool:
    """Whether a text can be printed on a terminal, and is of a bearable length."""
    return all(each.isprintable() or each == "\n" for each in text) and len(text) < 20_000
