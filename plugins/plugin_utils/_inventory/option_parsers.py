# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the operator's variables and options, and the parsers of single values.

Every parser takes the value as Ansible templated it and the name to complain about, and raises InputError.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_peer_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.names import parse_new_interface_name
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import CONFIRM_OPTIONS, OPTIONS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import (
    BOOLEANS,
    choice,
    parse_list,
    parse_number,
    parse_string,
)

from .close import nearest
from .errors import ClientName, Owner
from .given import parse_name
from .nouns import FULL, GLOBAL_IPV6, INTERNET, SPLIT, SUBNETS, Member, PeerOptions

PREFIX = "wireguard_"
NETWORKS = "wireguard_networks"
REGISTRY = "wireguard_registry"
REGISTRY_CACHE = "wireguard_registry_cache"
REGISTRY_READ_ONLY = "wireguard_registry_read_only"
CLIENTS_DIRECTORY = "wireguard_clients_directory"
# The same for all hosts, then what each host may have of its own.
FLEET_VARIABLES = (NETWORKS, REGISTRY, REGISTRY_CACHE, REGISTRY_READ_ONLY)
# What people give to the playbooks with -e, which makes it a variable of every host.
PLAYBOOK_VARIABLES = (
    "wireguard_adopt_directory",
    "wireguard_adopt_interfaces",
    "wireguard_adopt_network",
    "wireguard_adopt_overwrite",
    "wireguard_adopt_partial",
    "wireguard_baseline",
    "wireguard_client",
    "wireguard_client_renew",
    CLIENTS_DIRECTORY,
    "wireguard_clients_prune",
    "wireguard_clients_qr",
    "wireguard_clients_show",
    "wireguard_clients_vault_id",
    "wireguard_file",
    "wireguard_format",
    "wireguard_from",
    "wireguard_gone",
    "wireguard_hosts",
    "wireguard_live",
    "wireguard_network",
    "wireguard_older_than",
    "wireguard_only",
    "wireguard_proto",
    "wireguard_rotate_clients",
    "wireguard_sort",
    "wireguard_to",
)
# The plan passes these on to the modules, as the options of this name.
PASSED = {name: option for name, option in {**OPTIONS, **CONFIRM_OPTIONS}.items() if option.has_variable}
# Without their prefix, as in wireguard_overrides.
HOST_OPTIONS = (
    *PASSED,
    "accept_changed_keys",
    "addresses",
    "endpoint",
    "endpoint_inside",
    "excluded_subnets",
    "hub",
    "interface",
    "key_max_age",
    "masquerade",
    "peers",
    "persistent_keepalive",
    "reresolve",
    "routes",
    "site",
    "subnets",
    "tunnel",
)
OVERRIDES = "wireguard_overrides"
IGNORED = "wireguard_ignored_variables"
# Those of a host as a whole, which are the same in all of its networks.
WHOLE_HOST_OPTIONS = ("metrics", "metrics_directory", "metrics_interval")
HOST_VARIABLES = (*(PREFIX + option for option in (*HOST_OPTIONS, *WHOLE_HOST_OPTIONS)), IGNORED, OVERRIDES)
# What other roles call the same.
ALIASES = {"wireguard_keepalive": "wireguard_persistent_keepalive", "wireguard_port": "wireguard_listen_port"}
CLIENT_OPTIONS = (
    "addresses",
    "dns",
    "dns_search",
    "excluded_subnets",
    "hub",
    "mtu",
    "persistent_keepalive",
    "public_key",
    "routes",
    "tunnel",
    "valid_until",
)
PEER_OPTIONS = ("allowed_ips", "endpoint", "persistent_keepalive")
# Those of a network of any topology; each has some of its own besides.
COMMON_OPTIONS = (
    "interface",
    "policy",
    "pools",
    "port",
    "prefixes",
    "preshared_keys",
    "preshared_secret",
    "rest_days",
    "topology",
)

_DIRECTORY = re.compile(r"(/[A-Za-z0-9_.-]+)+/?")
# The problem and the remedy where members have addresses and the network has no prefixes.
NO_PREFIXES = ("missing", "list the networks of the hosts' addresses, such as 10.8.0.0/24")

DEFAULT_KEEPALIVE = 25
DEFAULT_RERESOLVE = 60
# The units of systemd.time(7) that make sense here; without one it is seconds.
_SPAN = re.compile(r"([0-9]{1,9}\s*(s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?)?\s*)+")
_SPAN_PART = re.compile(r"([0-9]+)\s*([a-z]*)")
_SPAN_UNITS = {"": 1, "s": 1, "m": 60, "mi": 60, "h": 3600, "d": 86400}
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def option_of(network: str, member: Member, option: str) -> tuple[Owner, str]:
    """The owner of a problem and its option: a host and its variable, or a client and the path of its option."""
    if member.is_client:
        return ClientName(network, member.name), f"{NETWORKS}.{network}.clients.{member.name}.{option}"
    return member.name, PREFIX + option


def check_names(names: Iterable[str], valid: Collection[str], option: str = "") -> None:
    """Refuses the first of ``unknown_names``."""
    for error in unknown_names(names, valid, option):
        raise error


def unknown_names(names: Iterable[str], valid: Collection[str], option: str = "") -> Iterator[InputError]:
    """A problem for each name that is not valid, with the nearest one that is."""
    for name in sorted(names):
        if name not in valid:
            meant = name[len(PREFIX) :] if name.startswith(PREFIX) else name
            remedy = f"did you mean {meant}?" if meant in valid else nearest(meant, valid)
            yield InputError(f"{option}{name}", None, "unknown option", remedy)


def parse_mapping(value: object, option: str) -> Mapping[str, Any]:
    """A dictionary. Nothing of another value is shown, as there may be a secret in it."""
    if not isinstance(value, Mapping):
        raise InputError(option, None, "not a dictionary", "write NAME: VALUE, one a line")
    return value


def parse_fields(value: object, option: str, names: Sequence[str]) -> Mapping[str, Any]:
    """A dictionary with just these names."""
    fields = parse_mapping(value, option)
    check_names(map(str, fields), names, f"{option}.")
    for name in names:
        if fields.get(name) in (None, ""):
            raise InputError(f"{option}.{name}", None, "missing", f"write {' and '.join(names)}")
    return fields


def parse_entries(value: object, option: str) -> list[Any]:
    """A list of dictionaries. Nothing of another value is shown, as there may be a secret in it."""
    if not isinstance(value, (list, tuple)):
        raise InputError(option, None, "not a list", "write a list, with a '-' before each entry")
    return list(value)


def parse_pair(value: object, option: str) -> frozenset[str]:
    names = frozenset(parse_name(name, option) for name in parse_list(value, option))
    if len(names) != 2:
        raise InputError(option, ", ".join(sorted(names)), "not a pair", "name two members, such as [hub1, laptop]")
    return names


def parse_patterns(value: object, option: str) -> list[str]:
    """Names of variables, or patterns of them with ``*`` and ``?``."""
    return [parse_name(pattern, option) for pattern in parse_list(value, option)]


def parse_prefixes(value: object, option: str) -> tuple[Prefix, ...]:
    return tuple(dict.fromkeys(parse_prefix(text, option) for text in parse_list(value, option)))


def parse_addresses(prefixes: Collection[Prefix]) -> Callable[[object, str], tuple[InterfaceAddress, ...]]:
    """A parser of a member's addresses; a bare one gets the length of the prefix that it lies in."""

    def parse_one(text: object, option: str) -> InterfaceAddress:
        address = parse_interface_address(text, option)  # type: ignore[arg-type]  # it refuses what is no text
        if "/" in str(text):
            return address
        host = address.host
        lengths = [prefix.length for prefix in prefixes if prefix.covers(host)]
        return InterfaceAddress(address.packed, max(lengths, default=address.length))

    def parse(value: object, option: str) -> tuple[InterfaceAddress, ...]:
        return tuple(dict.fromkeys(parse_one(text, option) for text in parse_list(value, option)))

    return parse


def is_off(value: object) -> bool:
    """Whether a value clears what it is for: ``off``, which YAML reads as false where it is not quoted."""
    return value is False or value in ("off", "False")


def parse_host_endpoint(port: int) -> Callable[[object, str], Endpoint | None]:
    """A parser of ``host`` or ``host:port``, None for ``off``; IPv6 literals stand in brackets, as in wg(8)."""

    def parse(value: object, option: str) -> Endpoint | None:
        if is_off(value):
            return None
        text = parse_string(value, option, "vpn.example.org").strip()
        try:
            return parse_endpoint(f"{text}:{port}" if ":" not in text or text.endswith("]") else text, option)
        except InputError as error:
            raise InputError(option, value, error.problem, error.remedy) from None

    return parse


def parse_peers(port: int) -> Callable[[object, str], dict[str, PeerOptions]]:
    """A parser of what a host says of single peers: name to options."""
    parse_endpoint_option = parse_host_endpoint(port)
    parse_keepalive = given_number(0, 65535, off=True)

    def parse_one(options: Mapping[str, Any], option: str) -> PeerOptions:
        check_names(map(str, options), PEER_OPTIONS, f"{option}.")
        allowed_ips, endpoint, keepalive = (options.get(name) for name in PEER_OPTIONS)
        found = None if endpoint is None else parse_endpoint_option(endpoint, f"{option}.endpoint")
        return PeerOptions(
            None if allowed_ips is None else parse_prefixes(allowed_ips, f"{option}.allowed_ips"),
            None if endpoint is None else (found,) if found else (),
            None if keepalive is None else parse_keepalive(keepalive, f"{option}.persistent_keepalive"),
        )

    def parse(value: object, option: str) -> dict[str, PeerOptions]:
        entries = parse_mapping(value, option).items()
        return {
            name: parse_one(parse_mapping(options or {}, f"{option}.{name}"), f"{option}.{name}")
            for name, options in entries
        }

    return parse


def parse_date(value: object, option: str) -> datetime.date:
    """A day as YAML reads it, or as text in ISO 8601."""
    try:
        return datetime.date.fromisoformat(str(value).strip())
    except ValueError:
        raise InputError(option, str(value), "not a date", "write YEAR-MONTH-DAY, such as 2026-12-31") from None


def parse_key(value: object, option: str) -> str:
    return str(parse_peer_key(value, option))  # type: ignore[arg-type]  # it refuses what is no text


def parse_tunnel(value: object, option: str) -> str:
    return choice((SPLIT, FULL))(value, option)


def parse_masquerade(value: object, option: str) -> tuple[str, ...]:
    """What is masqueraded; an empty list for nothing."""
    kinds = [choice((INTERNET, SUBNETS, GLOBAL_IPV6))(each, option) for each in parse_list(value, option)]
    if kinds == [GLOBAL_IPV6]:
        problem = "it only says which IPv6 addresses are translated"
        raise InputError(option, GLOBAL_IPV6, problem, f"add {INTERNET} or {SUBNETS}")
    return tuple(sorted(set(kinds)))


def parse_reresolve(value: object, option: str) -> int:
    """Seconds between two looks, 0 for none: a boolean, or a time span as in systemd.time(7).

    Less than ten seconds would leave a peer no time to answer at one address before the next is tried; it is called
    every five (REKEY_TIMEOUT in the WireGuard whitepaper, section 6.1).
    """
    text = str(value).strip()
    if text.lower() in BOOLEANS:
        return DEFAULT_RERESOLVE if BOOLEANS[text.lower()] else 0
    parts = _SPAN_PART.findall(text) if _SPAN.fullmatch(text) else []
    seconds = sum(int(number) * _SPAN_UNITS.get(unit[:2] if unit[:1] == "m" else unit[:1], 0) for number, unit in parts)
    if not 10 <= seconds <= 86400:
        remedy = "write true, false or a time span from 10 seconds to a day, such as 30s, 2min or 1h"
        raise InputError(option, value, "out of range or not a time span", remedy)
    return seconds


def parse_metrics_directory(value: object, option: str) -> str:
    """The directory of node_exporter's textfile collector. It stands in a file of systemd, too."""
    if not isinstance(value, str) or not _DIRECTORY.fullmatch(value) or ".." in value.split("/"):
        remedy = "give an absolute path of letters, digits and '_', '-', '.', '/', such as /var/lib/node_exporter"
        raise InputError(option, value, "not the path of a directory", remedy)
    return value.rstrip("/")


def check_file_name(value: object, option: str, what: str) -> None:
    """The name of a network or a member, which also names files."""
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
        raise InputError(option, value, f"not {what}", "use letters, digits, '_', '-' and '.'")


def parse_interface(value: object, option: str) -> str:
    try:
        return parse_new_interface_name(str(value))
    except InputError as error:
        raise InputError(option, value, error.problem, error.remedy) from None


def given_number(low: int, high: int, off: bool = False) -> Callable[[object, str], int]:
    """A parser of numbers that are given, in ``low..high``; with ``off``, that or YAML's false stands for 0."""

    def parse(value: object, option: str) -> int:
        return parse_number(value, option, low, high, off) or 0

    return parse
