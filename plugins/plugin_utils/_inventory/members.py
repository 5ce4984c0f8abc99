# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of a host, or the options of a client, say about a member."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import InterfaceAddress
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import parse_boolean

from . import option_parsers
from .close import closest
from .errors import ClientName, Owner, Problems
from .given import parse_name
from .nouns import Member, Network

_VALID = frozenset(
    (*option_parsers.HOST_VARIABLES, *option_parsers.FLEET_VARIABLES, *option_parsers.PLAYBOOK_VARIABLES)
)

# Field and parser of each option that is read by itself.
_FIELDS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "accept_changed_keys": ("accept_changed_key", parse_boolean),
    "excluded_subnets": ("excluded", option_parsers.parse_prefixes),
    "hub": ("hub", parse_name),
    "interface": ("interface", option_parsers.parse_interface),
    "key_max_age": ("key_max_age", option_parsers.given_number(0, 36500)),
    "metrics": ("metrics", parse_boolean),
    "metrics_directory": ("metrics_directory", option_parsers.parse_metrics_directory),
    "metrics_interval": ("metrics_interval", option_parsers.given_number(5, 86400)),
    "masquerade": ("masquerade", option_parsers.parse_masquerade),
    "persistent_keepalive": ("persistent_keepalive", option_parsers.given_number(0, 65535, off=True)),
    "public_key": ("public_key", option_parsers.parse_key),
    "reresolve": ("reresolve", option_parsers.parse_reresolve),
    "routes": ("routes", option_parsers.parse_prefixes),
    "site": ("site", parse_name),
    "subnets": ("subnets", option_parsers.parse_prefixes),
    "tunnel": ("tunnel", option_parsers.parse_tunnel),
    "valid_until": ("valid_until", option_parsers.parse_date),
}


class _Given(NamedTuple):
    """A value and the name under which the user knows it."""

    value: object
    path: str


def read_host(
    name: str,
    variables: Mapping[str, Any],
    networks: Sequence[Network],
    names: Collection[str],
    problems: Problems,
    foreign: dict[str, list[str]],
) -> dict[str, Member]:
    """What a host is in each of its ``networks``, by their names; ``names`` are those of all networks.

    ``foreign`` gets its variables that are probably another role's, each with its hosts.
    """
    if not _VALID.issuperset(variables):
        _note_unknown(name, variables, problems, foreign)
    given = {
        variable[len(option_parsers.PREFIX) :]: _Given(value, variable)
        for variable, value in variables.items()
        if variable in _VALID and value is not None
    }
    overrides = {}
    if option_parsers.OVERRIDES in variables:
        overrides = problems.catch(name, partial(_read_overrides, variables[option_parsers.OVERRIDES], names), {})
    hosts = {
        network.name: _read_member(name, {**given, **overrides.get(network.name, {})}, network, problems)
        for network in networks
    }
    return hosts if len(networks) == 1 else _split_addresses(hosts, networks, overrides)


def _note_unknown(name: str, variables: Mapping[str, Any], problems: Problems, foreign: dict[str, list[str]]) -> None:
    """A variable that is almost one of ours is a slip, and refused. Others are let pass."""
    value = variables.get(option_parsers.IGNORED)
    patterns = problems.catch(
        name, partial(option_parsers.parse_patterns, () if value is None else value, option_parsers.IGNORED), ()
    )
    for variable in sorted(set(variables) - _VALID):
        if any(fnmatchcase(variable, pattern) for pattern in patterns):
            continue
        known = [
            each[len(option_parsers.PREFIX) :]
            for each in option_parsers.HOST_VARIABLES + option_parsers.FLEET_VARIABLES
        ]
        close = closest(variable[len(option_parsers.PREFIX) :], known)
        meant = option_parsers.ALIASES.get(variable) or (option_parsers.PREFIX + close if close else None)
        if meant:
            remedy = f"did you mean {meant}? A variable of another role can be listed in {option_parsers.IGNORED}"
            problems.add(name, variable, None, "unknown variable", remedy)
        else:
            foreign.setdefault(variable, []).append(name)


def read_client(name: str, options: object, network: Network, problems: Problems) -> Member:
    path = f"{option_parsers.NETWORKS}.{network.name}.clients.{name}"
    owner = ClientName(network.name, name)
    values = {} if options is None else problems.catch(owner, partial(option_parsers.parse_mapping, options, path), {})
    problems.keep(owner, option_parsers.unknown_names(values, option_parsers.CLIENT_OPTIONS, f"{path}."))
    given = {
        option: _Given(values[option], f"{path}.{option}")
        for option in option_parsers.CLIENT_OPTIONS
        if values.get(option) is not None
    }
    return _read_member(name, given, network, problems, owner)


def _read_overrides(value: object, names: Collection[str]) -> dict[str, dict[str, _Given]]:
    """Network to option to what is given for that network alone."""
    found = {}
    for network, options in option_parsers.parse_mapping(value or {}, option_parsers.OVERRIDES).items():
        option_parsers.check_names([network], names, f"{option_parsers.OVERRIDES}.")
        path = f"{option_parsers.OVERRIDES}.{network}"
        entries = option_parsers.parse_mapping(options or {}, path)
        option_parsers.check_names(entries, option_parsers.HOST_OPTIONS, f"{path}.")
        found[network] = {
            option: _Given(value, f"{path}.{option}") for option, value in entries.items() if value is not None
        }
    return found


def _read_member(
    name: str, given: Mapping[str, _Given], network: Network, problems: Problems, client: ClientName | None = None
) -> Member:
    host: Owner = client or name
    fields: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for option, (value, path) in given.items():
        if option in option_parsers.PASSED:
            found, field, parse = options, option, option_parsers.PASSED[option].parse
        elif option in _FIELDS:
            found, (field, parse) = fields, _FIELDS[option]
        else:
            continue
        parsed = problems.catch(host, partial(parse, value, path), None)
        if parsed is not None:
            found[field] = parsed
    if "addresses" in given:
        value, path = given["addresses"]
        parse_all = option_parsers.parse_addresses(network.prefixes)
        fields["addresses"] = problems.catch(host, partial(parse_all, value, path), ())
        # Absent is not empty: only a list can be empty and mean it.
        fields["unnumbered"] = isinstance(value, (list, tuple)) and not value
    if "peers" in given:
        value, path = given["peers"]
        fields["peers"] = problems.catch(host, partial(option_parsers.parse_peers(network.port), value, path), {})
    port = options.get("listen_port") or network.port
    for option in ("endpoint", "endpoint_inside"):
        if option in given:
            fields[option] = _read_endpoint(host, given[option], port, problems)
    if fields.get("endpoint") or fields.get("endpoint_inside"):
        # Who is called must be where the others expect it; who only calls takes any port.
        options["listen_port"] = port
    return Member(name=name, is_client=client is not None, options=options, **fields)


def _read_endpoint(host: Owner, given: _Given, port: int, problems: Problems) -> Endpoint | None:
    return problems.catch(host, partial(option_parsers.parse_host_endpoint(port), given.value, given.path), None)


def _split_addresses(
    hosts: Mapping[str, Member], networks: Sequence[Network], overrides: Mapping[str, Mapping[str, _Given]]
) -> dict[str, Member]:
    """Each network gets the addresses that lie in it. One that lies in none stays in the first, which refuses it."""

    def is_for(address: InterfaceAddress, network: Network) -> bool:
        homes = [each for each in networks if any(prefix.covers(address.host) for prefix in each.prefixes)]
        return network in (homes or networks[:1])

    return {
        network.name: hosts[network.name]
        if "addresses" in overrides.get(network.name, {})
        else replace(
            hosts[network.name],
            addresses=tuple(address for address in hosts[network.name].addresses if is_for(address, network)),
        )
        for network in networks
    }
