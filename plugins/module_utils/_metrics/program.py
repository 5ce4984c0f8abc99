# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``cryptokey-wireguard-metrics``: run by a timer, by people, and once by Ansible to show that it works."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from .._model.errors import InputError, tell
from .settings import PATH, MetricsSettings, parse_metrics_settings

CHECK = "--check"
DRIFT_OPTION = "--drift"
USAGE = f"""Usage: cryptokey-wireguard-metrics [{CHECK} | {DRIFT_OPTION}]

Write the metrics of this host's WireGuard networks for node_exporter's textfile collector. The settings are in
{PATH}, which Ansible writes.

  {DRIFT_OPTION}    print what differs from /etc/wireguard, one line for each operation that is missing; exit code 2 if
             there is any
  {CHECK}    show that everything can be read and the directory can be written to; write nothing
"""


def run_metrics(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 if something could not be read, 2 if there is drift that was asked for."""
    # It ends soon, and has no circles that would grow.
    gc.disable()
    if len(arguments) > 1 or (arguments and arguments[0] not in (CHECK, DRIFT_OPTION)):
        is_asked = list(arguments) == ["--help"]
        (sys.stdout if is_asked else sys.stderr).write(USAGE)
        return 0 if is_asked else 1
    try:
        settings = parse_metrics_settings(Path(PATH).read_text(encoding="utf-8", errors="replace"))
        return {(): _collect, (CHECK,): _check, (DRIFT_OPTION,): _print_drift}[tuple(arguments)](settings)
    except (ImportError, InputError, OSError) as error:
        return _complain([tell(error)])


def _collect(settings: MetricsSettings) -> int:
    from .collect import Collection, write_metrics

    collection = Collection(settings)
    collection.run()
    write_metrics(settings.directory, collection.exposition.render())
    return _complain(collection.problems)


def _check(settings: MetricsSettings) -> int:
    from .._host.zipapp import load_program
    from .collect import Collection, try_directory

    load_program(sys.argv[0])
    try_directory(settings.directory)
    collection = Collection(settings)
    collection.run()
    b"".join(collection.exposition.render())
    return _complain(collection.problems)


def _print_drift(settings: MetricsSettings) -> int:
    from .._wgquick.file import printable
    from .collect import Collection
    from .drift import find_drift
    from .startup_files import StartupFiles

    collection, found = Collection(settings), 0
    for watched in settings.interfaces:
        with collection.told(watched.interface):
            for operation in find_drift(watched, StartupFiles(watched.interface)):
                # A name of a peer may have bytes that are not UTF-8.
                sys.stdout.write(f"{watched.interface}: {printable(operation)}\n")
                found += 1
    return _complain(collection.problems) or (2 if found else 0)


def _complain(problems: Sequence[str]) -> int:
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return int(bool(problems))
