# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a watchdog's program as the host does, but on a simulated kernel: alone.py PROGRAM FOLDER PLAN ARGUMENTS...

The interpreter has no libraries, none of our code but what is in the program, and of the tests only the simulation.
Prints what came of it as JSON.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from pathlib import Path

program, folder, text, *arguments = sys.argv[1:]
plan = json.loads(text)
sys.path.insert(0, program)
collection = importlib.import_module("ansible_collections.cryptokey.wireguard")
collection.__path__.append(str(Path(__file__).parents[3]))
parts = importlib.import_module("ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts")
simulation = importlib.import_module("ansible_collections.cryptokey.wireguard.tests.unit.confirm.world")
assert all(
    str(module.__file__).startswith(program)
    for name, module in sys.modules.items()
    if name.startswith("ansible_collections.cryptokey.wireguard.plugins.")
)

world = simulation.World(Path(folder))
world.broken = {part: OSError("broken") for part in parts.Part if part.value in plan.get("broken", ())}
record = world.folder / "wg0.unconfirmed"


def on_sleep() -> None:
    pauses = [seconds for seconds in world.slept if seconds > 1]
    if len(pauses) >= plan.get("attempts", 0):
        world.broken.clear()
    if plan.get("confirmed") and world.now > 1010:
        record.unlink(missing_ok=True)


world.on_sleep = on_sleep
if plan.get("lock"):
    errors = importlib.import_module("ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors")
    world.lock_error = errors.InputError("interface", "wg0", "locked", "wait")
simulation.install(world, setattr)
sys.argv = [program, *arguments]
code = None
try:
    runpy.run_path(program, run_name="__main__")
except SystemExit as ended:
    code = ended.code
print(
    json.dumps(
        {
            "code": code,
            "restored": world.state == simulation.before(),
            "exists": world.state.exists,
            "recorded": record.exists(),
            "log": world.log,
            "called": world.called,
        }
    )
)
