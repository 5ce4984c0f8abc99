# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the Prometheus of this host. Runs on the hub.

    prometheus.py file       wait until it has all that the metrics file of this host says
    prometheus.py dashboard  read a dashboard from standard input, and print the panels whose query returns nothing
    prometheus.py alert STATE NAME [LABEL=VALUE...]  wait until the alert is firing, or inactive

A wait ends after ten minutes with the exit code 1 and what there is instead.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable

from metrics import Samples, read_file

SERVER = "http://127.0.0.1:9090/api/v1/"
HOST = "hub"
LIMIT = 600.0
# Grafana's variables, and what they stand for where all is chosen.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$interface": ".*", "$peer": ".*"}


def get(path: str, **parameters: str) -> dict:
    with urllib.request.urlopen(f"{SERVER}{path}?{urllib.parse.urlencode(parameters)}", timeout=60) as answer:
        return json.load(answer)["data"]


def query(expr: str) -> list[dict]:
    return get("query", query=expr)["result"]


def wait(attempt: Callable[[], str]) -> str:
    """Try until there is nothing to complain of."""
    end = time.monotonic() + LIMIT
    while (complaint := attempt()) and time.monotonic() < end:
        time.sleep(2)
    return complaint


def scraped() -> Samples:
    """What Prometheus has of this host, without the labels that it adds."""
    found = {}
    for sample in query(f'{{__name__=~"(cryptokey_)?wireguard_.+", host="{HOST}"}}'):
        labels = sample["metric"]
        own = {name: value for name, value in labels.items() if name not in ("__name__", "host", "instance", "job")}
        found[labels["__name__"], frozenset(own.items())] = float(sample["value"][1])
    return found


def file() -> str:
    """To Prometheus a label without a value is none, such as the endpoint of a peer that has none yet."""
    wanted = {
        (name, frozenset(label for label in labels if label[1])): value for (name, labels), value in read_file().items()
    }
    found = scraped()
    differing = sorted({name for (name, _labels), _value in wanted.items() ^ found.items()})
    return ", ".join(differing) if wanted else "the file is empty"


def dashboard() -> str:
    empty = []
    for panel in json.load(sys.stdin)["panels"]:
        for target in panel["targets"]:
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            if not query(expr):
                empty.append(f"{panel['title']}: {expr}")
    return "\n".join(empty)


def alert(state: str, name: str, *labels: str) -> str:
    wanted = {"alertname": name, **dict(label.split("=", 1) for label in labels)}
    alerts = get("alerts")["alerts"]
    states = [alert["state"] for alert in alerts if wanted.items() <= alert["labels"].items()]
    fine = not states if state == "inactive" else state in states
    return "" if fine else json.dumps(alerts)


def main() -> int:
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "dashboard":
        complaint = dashboard()
    elif command == "file":
        complaint = wait(file)
    else:
        complaint = wait(lambda: alert(*arguments))
    print(complaint)
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(main())
