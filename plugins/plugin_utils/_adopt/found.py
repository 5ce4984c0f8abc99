# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge the file and the running state of each interface that was found. Public facts only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import DEFAULT_ROUTE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    parse_interface_address,
    parse_prefix,
)

from .._inventory.errors import Problems, list_names
from .answers import read_files, read_states, read_unreadable

# In the inventory's YAML they mean something else.
_NOT_TABLES = ("auto", "off", "true", "false")


class FoundPeer(NamedTuple):
    """``endpoint`` is the configured one, which may be a name; ``persistent_keepalive`` in seconds, 0 for off.
    ``alive``: it has shaken hands."""

    public_key: str
    name: str | None
    endpoint: Endpoint | None
    allowed_ips: frozenset[Prefix]
    persistent_keepalive: int
    alive: bool = False


class FoundInterface(NamedTuple):
    """One interface of one host. ``mtu`` and ``fwmark`` 0: the file does not say. ``listen_port`` likewise, then
    ``running_port`` is what the kernel chose, 0 where it does not run. ``kept`` are the lines that stay as they are,
    ``comments`` those that do not, and ``routes`` those out of the interface that are none of its peers'."""

    host: str
    interface: str
    path: str
    public_key: str
    addresses: tuple[InterfaceAddress, ...]
    listen_port: int
    running_port: int
    fwmark: int
    mtu: int
    table: str
    peers: Mapping[str, FoundPeer]
    kept: tuple[str, ...]
    routes: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


def read_hosts(
    reports: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
    wanted: Collection[str] | None,
    problems: Problems,
) -> tuple[list[FoundInterface], list[str], dict[str, str]]:
    """The interfaces of all hosts, or the wanted ones, what is to be said of them, and those that cannot be adopted.

    ``reports``: by host, what ``config_info`` and ``interface_info`` returned. The last result has, by public key, a
    host and its interface.
    """
    found: list[FoundInterface] = []
    notes: list[str] = []
    seen: dict[str, str] = {}
    for host, report in reports.items():
        interfaces, said, keys = _read_host(host, *report, wanted, problems)
        found += interfaces
        notes += said
        seen |= keys
    found = check_found_keys(found, problems)
    known = {each.public_key for each in found}
    return found, notes, {key: place for key, place in seen.items() if key not in known}


def _read_host(
    host: str,
    files: Mapping[str, Any],
    running: Mapping[str, Any],
    wanted: Collection[str] | None,
    problems: Problems,
) -> tuple[list[FoundInterface], list[str], dict[str, str]]:
    """As ``read_hosts``, the last result being of all interfaces."""
    try:
        unreadable = {each["interface"]: each for each in read_unreadable(files.get("unreadable", ()))}
        reported = [*read_files(files.get("files", ())), *read_states(running.get("interfaces", ()))]
    except InputError as error:
        problems.add(host, error.option, error.value, error.problem, error.remedy)
        return [], [], {}
    for each in unreadable.values():
        problems.add(host, each["place"], each.get("value"), each["problem"], each["remedy"])
    seen = {each["public_key"]: f"{host} {each['interface']}" for each in reported if each.get("public_key")}
    names = {each["interface"] for each in reported if not wanted or each["interface"] in wanted} - unreadable.keys()
    interfaces, notes = read_found(host, files.get("files", ()), running.get("interfaces", ()), problems, names)
    return interfaces, notes, seen


def read_found(
    host: str, files: object, running: object, problems: Problems, wanted: Collection[str] | None = None
) -> tuple[list[FoundInterface], list[str]]:
    """A host's interfaces by what ``config_info`` and ``interface_info`` return, and where the two differ.

    ``wanted`` are the interfaces that are looked at, None for all. What cannot be adopted goes to ``problems``.
    """
    try:
        known = {str(file["interface"]): file for file in read_files(files)}
        states = {str(state["interface"]): state for state in read_states(running)}
    except InputError as error:
        problems.add(host, error.option, error.value, error.problem, error.remedy)
        return [], []
    found, notes = [], []
    for name in sorted(name for name in {*known, *states} if wanted is None or name in wanted):
        file, state = known.get(name), states.get(name)
        if file is None:
            remedy = (
                f"to use wg-quick, write the file with 'wg showconf {name}' and add its Address; if not, leave the "
                "interface out with -e wireguard_adopt_interfaces"
            )
            problems.add(host, f"/etc/wireguard/{name}.conf", None, f"{name} runs without this file", remedy)
        elif not _has_obstacle(host, file, state, problems):
            found.append(_merge(host, file, state or {}))
            notes += [f"{host} {name}: {note}" for note in _differences(file, state)]
    return found, notes


def _has_obstacle(host: str, file: Mapping[str, Any], state: Mapping[str, Any] | None, problems: Problems) -> bool:
    before = len(problems)
    path = str(file["path"])
    if file.get("save_config"):
        remedy = "remove the line; with it, wg-quick overwrites the file when it stops"
        problems.add(host, str(file["save_config"]), None, "SaveConfig = true", remedy)
    table = str(file["table"])
    if table.lower() in _NOT_TABLES and table not in ("auto", "off"):
        remedy = "rename the table in rt_tables and here, or write off for no routes"
        problems.add(host, path, f"Table = {table}", "wg-quick reads this as the name of a table", remedy)
    if file.get("netns"):
        remedy = "set wireguard_netns, and configure the host with site.yml instead"
        problems.add(host, path, file["netns"], "its PostUp lines put the interface into a network namespace", remedy)
    of_file, of_state = file.get("public_key"), (state or {}).get("public_key")
    if of_file and of_state and of_file != of_state:
        problem = f"its PrivateKey belongs to {of_file}, but the interface runs with {of_state}"
        remedy = "find out which key the peers have, and change the other one"
        problems.add(host, path, None, problem, remedy)
    elif not of_file and not of_state:
        remedy = "add PrivateKey, or bring the interface up first"
        problems.add(host, path, None, "neither the file nor the running interface has a private key", remedy)
    for peer in file["peers"]:
        if peer["public_key"] == (of_state or of_file):
            remedy = "remove the peer; the kernel ignores it"
            problems.add(host, path, peer["public_key"], "a peer has the interface's own key", remedy)
    for line, what in _doubled(file, state or {}):
        remedy = f"replace the line with {what}"
        problems.add(host, path, line, "at boot this hook repeats what the new file sets, and can fail", remedy)
    return len(problems) > before


def _doubled(file: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Hooks that name what runs and is not in the file, which will have it: the line, and what is to be in its place.

    wg-quick fails, and the interface with it, when a hook adds an address or a route that is there already.
    """
    known = {peer["public_key"] for peer in file["peers"]}
    added = {address.partition("/")[0]: "Address" for address in state.get("addresses", ())}
    for address in file["addresses"]:
        added.pop(address.partition("/")[0], None)
    for peer in state.get("peers", ()):
        if peer["public_key"] not in known:
            added |= dict.fromkeys(peer["allowed_ips"], "[Peer]")
    for line in file["kept"]:
        for text, what in added.items():
            if re.search(rf"(?<![\w.:]){re.escape(text)}(?![\w.:])", line):
                yield line, what
                break


def _merge(host: str, file: Mapping[str, Any], state: Mapping[str, Any]) -> FoundInterface:
    """The running state wins, except for endpoints, which can be learned there. What only one of them has is kept."""
    texts = state["addresses"] if state else file["addresses"]
    addresses = [*map(parse_interface_address, texts), *map(parse_interface_address, file["addresses"])]
    peers = {peer.public_key: peer for peer in _merge_peers(file["peers"], state.get("peers", ()))}
    table = str(file["table"])
    return FoundInterface(
        host,
        str(file["interface"]),
        str(file["path"]),
        str(parse_public_key(state.get("public_key") or file["public_key"])),
        tuple(dict.fromkeys(addresses)),
        int(file["listen_port"]),
        int(state.get("listen_port") or 0),
        int(file["fwmark"]),
        int(file["mtu"]),
        table,
        peers,
        tuple(map(str, file["kept"])),
        tuple(_other_routes(state, table, peers.values())),
        tuple(map(str, file.get("comments", ()))),
    )


def _other_routes(state: Mapping[str, Any], table: str, peers: Iterable[FoundPeer]) -> Iterator[str]:
    """What wg-quick did not make: routes of no peer, or in a table of their own; rules without a full tunnel.

    With ``off`` it makes no routes.
    """
    allowed = {prefix for peer in peers for prefix in peer.allowed_ips}
    if table != "auto" or allowed.isdisjoint(DEFAULT_ROUTE.values()):
        yield from (f"rule {rule}" for rule in state.get("rules", ()))
    for text in state.get("routes", ()) if table != "off" else ():
        prefix, _word, number = str(text).partition(" table ")
        route = parse_prefix(prefix)
        if route not in allowed or (number and number != table and route.length):
            yield str(text)


def _merge_peers(configured: Iterable[Mapping[str, Any]], running: Iterable[Mapping[str, Any]]) -> Iterator[FoundPeer]:
    files = {str(peer["public_key"]): peer for peer in configured}
    states = {str(peer["public_key"]): peer for peer in running}
    taken = {prefix for peer in states.values() for prefix in peer["allowed_ips"]}
    for key in dict.fromkeys((*files, *states)):
        file, state = files.get(key), states.get(key)
        counts = state or file or {}
        # A prefix has one owner, and what runs has it.
        allowed = counts["allowed_ips"] if state else [text for text in counts["allowed_ips"] if text not in taken]
        endpoint = (file or counts).get("endpoint")
        yield FoundPeer(
            str(parse_public_key(key)),
            (file or counts).get("name"),
            parse_endpoint(endpoint) if endpoint else None,
            frozenset(map(parse_prefix, allowed)),
            int(counts["persistent_keepalive"]),
            bool(state and state.get("latest_handshake")),
        )


def _differences(file: Mapping[str, Any], state: Mapping[str, Any] | None) -> Iterator[str]:
    """List the differences between startup and running state, which site.yml would remove."""
    mode = int(str(file.get("mode", "0600")), 8)
    if mode & 0o077:
        what = "so other users can know its keys; it gets 0600, but new keys are safer"
        yield f"{file['path']} has mode {mode:04o}, {what}"
    if state is None:
        yield "does not run; only its file was read"
        return
    files = {peer["public_key"]: peer for peer in file["peers"]}
    states = {peer["public_key"]: peer for peer in state["peers"]}
    for key in sorted({*files, *states}):
        if key not in states:
            yield f"the peer {_label(files[key])} is only in the file; site.yml adds it to the interface"
        elif key not in files:
            yield f"the peer {_label(states[key])} is only on the interface; site.yml adds it to the file"
        else:
            yield from _peer_differences(files[key], states[key])
    runs, written = set(state["addresses"]), set(file["addresses"])
    if runs - written:
        yield f"addresses only on the interface: {list_names(sorted(runs - written))}; site.yml adds them to the file"
    if written - runs:
        yield f"addresses only in the file: {list_names(sorted(written - runs))}; site.yml adds them to the interface"


def _peer_differences(file: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    for option in ("allowed_ips", "persistent_keepalive", "has_preshared_key"):
        one, other = file[option], state[option]
        if (sorted(one) != sorted(other)) if isinstance(one, (list, tuple)) else one != other:
            counts = "both stay" if option == "has_preshared_key" else "the running value is used"
            yield f"{option} of the peer {_label(state)} is {_text(other)}, but {_text(one)} in the file; {counts}"


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else str(value)


def _label(peer: Mapping[str, Any]) -> str:
    return f"{peer['name']} ({peer['public_key']})" if peer.get("name") else str(peer["public_key"])


def check_found_keys(found: Iterable[FoundInterface], problems: Problems) -> list[FoundInterface]:
    """Return the interfaces with a unique key. One key on two interfaces is a clone, or one host with two names."""
    owners: dict[str, FoundInterface] = {}
    listed = list(found)
    for each in listed:
        owner = owners.setdefault(each.public_key, each)
        if owner is not each:
            problem = f"{owner.host} has the key of {each.interface} too, on its {owner.interface}"
            remedy = "create a new key for one of them; if it is one host with two names, adopt only one name"
            problems.add(each.host, each.path, each.public_key, problem, remedy)
    counts = Counter(each.public_key for each in listed)
    return [each for each in listed if counts[each.public_key] == 1]
