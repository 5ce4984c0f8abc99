# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the access rules of networks, and look up all names in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import parse_list

from .close import nearest
from .errors import Problems, list_names
from .given import parse_name
from .nouns import Network
from .option_parsers import NETWORKS, check_names, parse_entries, parse_mapping
from .policy import TCP, Grant, Policy, Service, Side, Target, Test
from .prefixes import PUBLIC
from .services import WITH_PORTS, parse_protocol, parse_service_port, parse_services

_T = TypeVar("_T")

POLICY = "policy"
EVERYTHING, INTERNET, AUTOGROUP = "*", "internet", "autogroup:"
# Tailscale's words for what is a group of the inventory here.
_GROUP_SIGNS = ("group:", "tag:")
_GRANT = ("src", "dst", "ip")
_TEST = ("src", "proto", "accept", "deny")
_ANY = (Service(),)


class _Refused(Exception):
    """A value whose problem is noted already."""


def read_policies(
    networks: Sequence[Network],
    options: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    problems: Problems,
) -> tuple[Network, ...]:
    """The networks with their policies; ``options`` are those of each network as the operator wrote them."""
    names = SelectorNames(networks, groups)

    def with_policy(network: Network) -> Network:
        values = options.get(network.name)
        if not isinstance(values, Mapping) or POLICY not in values:
            return network
        return replace(network, policy=_PolicyReader(network, names, problems).read(values[POLICY]))

    return tuple(map(with_policy, networks))


class SelectorNames:
    """What the names in grants and tests can mean."""

    def __init__(self, networks: Sequence[Network], groups: Mapping[str, Sequence[str]]) -> None:
        self.groups = groups
        # Member to the networks that it is in.
        self.homes: dict[str, list[str]] = {}
        for network in networks:
            for member in network.members:
                self.homes.setdefault(member.name, []).append(network.name)
        self._networks = networks

    @cached_property
    def inside(self) -> tuple[Prefix, ...]:
        """The prefixes, subnets and routes of all networks."""
        found: dict[Prefix, None] = {}
        for network in self._networks:
            found |= dict.fromkeys(network.inside)
            found |= dict.fromkeys(route for member in network.members for route in member.routes)
        return tuple(found)

    @cached_property
    def known(self) -> list[str]:
        return [*self.homes, *map(str, self.groups), INTERNET]

    def group(self, name: str) -> frozenset[str]:
        """Those of the group's hosts that are a member of a network."""
        return frozenset(str(host) for host in self.groups[name]).intersection(self.homes)


class _PolicyReader:
    """Reads the policy of one network."""

    def __init__(self, network: Network, names: SelectorNames, problems: Problems) -> None:
        self._network = network
        self._names = names
        self._problems = problems
        self._found: dict[str, Side] = {}

    def _catch(self, parse: Callable[[], _T]) -> _T:
        """Raises _Refused, when the problem is noted."""
        try:
            return parse()
        except InputError as error:
            self._problems.keep("", [error])
            raise _Refused from None

    def _refuse(self, path: str, problem: str, remedy: str) -> _Refused:
        self._problems.add("", path, None, problem, remedy)
        return _Refused()

    def read(self, value: object) -> Policy:
        path = f"{NETWORKS}.{self._network.name}.{POLICY}"
        try:
            values = self._catch(partial(_parse_policy, value, path))
        except _Refused:
            return Policy()
        return Policy(
            tuple(self._entries(values.get("grants"), f"{path}.grants", self._grant)),
            tuple(self._entries(values.get("tests"), f"{path}.tests", self._test)),
        )

    def _entries(self, value: object, path: str, read: Callable[[int, object, str], _T]) -> Iterable[_T]:
        entries = self._problems.catch("", partial(parse_entries, [] if value is None else value, path), [])
        for number, entry in enumerate(entries):
            yield from _if_right(partial(read, number, entry, f"{path}[{number}]"))

    def _grant(self, number: int, entry: object, path: str) -> Grant:
        values = self._catch(partial(_parse_fields, entry, path, _GRANT, ("src", "dst")))
        src = self._side(values["src"], f"{path}.src", is_source=True)
        dst = self._side(values["dst"], f"{path}.dst", is_source=False)
        services = self._services(values["ip"], f"{path}.ip") if "ip" in values else _ANY
        return Grant(number, src, dst, services, _describe(values))

    def _services(self, value: object, path: str) -> tuple[Service, ...]:
        if value is None:
            raise self._refuse(path, "it has no value", 'list services, or "*" for all')
        found: dict[Service, None] = {}
        for each, option in self._elements(value, path):
            found |= dict.fromkeys(self._problems.catch("", partial(parse_services, each, option), ()))
        return _ANY if _ANY[0] in found else tuple(found)

    def _elements(self, value: object, path: str) -> list[tuple[object, str]]:
        """What a list or a single value has, each with its path. Raises _Refused if there is nothing."""
        elements = self._catch(partial(_parse_elements, value, path))
        is_list = isinstance(value, (list, tuple))
        return [(each, f"{path}[{place}]" if is_list else path) for place, each in enumerate(elements)]

    def _side(self, value: object, path: str, is_source: bool) -> Side:
        sides = [
            self._problems.catch("", partial(self._selector, each, option, is_source), Side())
            for each, option in self._elements(value, path)
        ]
        return Side(
            frozenset().union(*(side.members for side in sides)),
            tuple(dict.fromkeys(prefix for side in sides for prefix in side.prefixes)),
            any(side.internet for side in sides),
            any(side.everything for side in sides),
        )

    def _selector(self, value: object, option: str, is_source: bool) -> Side:
        """Raises InputError."""
        text = parse_name(value, option).strip()
        if text not in self._found:
            self._found[text] = self._parse_selector(text, option)
        side = self._found[text]
        if side.internet and is_source:
            remedy = "name hosts, groups or prefixes of the networks; nothing is forwarded from the Internet"
            raise InputError(option, value, "the Internet cannot be a source", remedy)
        return side

    def _parse_selector(self, text: str, option: str) -> Side:
        if text == EVERYTHING:
            return Side(everything=True)
        if text.startswith(AUTOGROUP):
            if text[len(AUTOGROUP) :] == INTERNET:
                return Side(internet=True)
            remedy = 'name a group of the inventory, or "*" for all that is in the network'
            raise InputError(option, text, "there are no users here, so only autogroup:internet is known", remedy)
        for sign in _GROUP_SIGNS:
            if text.startswith(sign):
                return self._group(text[len(sign) :], text, option)
        if text == INTERNET:
            if text in self._names.homes or text in self._names.groups:
                remedy = "write autogroup:internet, or rename the host or group"
                raise InputError(option, text, "the inventory has a host, client or group of this name", remedy)
            return Side(internet=True)
        if text in self._names.homes:
            return self._member(text, option)
        if text in self._names.groups:
            return self._group(text, text, option)
        return self._prefix(text, option)

    def _member(self, text: str, option: str) -> Side:
        if text in self._names.groups and self._names.group(text) != {text}:
            remedy = f"write group:{text} for the group, or rename one of them"
            raise InputError(option, text, "both a member and a group have this name", remedy)
        self._check_home([text], option, text)
        return Side(frozenset([text]))

    def _group(self, name: str, text: str, option: str) -> Side:
        if name not in self._names.groups:
            known = list(map(str, self._names.groups))
            raise InputError(option, text, "the inventory has no such group", nearest(name, known))
        members = self._names.group(name)
        if not members:
            problem = "no host of this group is a member of a network"
            raise InputError(option, text, problem, "add hosts to it, or remove it here")
        self._check_home(sorted(members), option, text)
        return Side(members)

    def _check_home(self, names: Iterable[str], option: str, text: str) -> None:
        """A name means the member of this network, else that of the only other network that has it."""
        homes, own = self._names.homes, self._network.name
        unclear = [name for name in names if len(homes[name]) > 1 and own not in homes[name]]
        if unclear:
            name = unclear[0]
            problem = f"{list_names(unclear)} not in this network, but in several others: {list_names(homes[name])}"
            remedy = f"write the address of {name} that is meant"
            raise InputError(option, text, problem, remedy)

    def _prefix(self, text: str, option: str) -> Side:
        try:
            prefix = parse_prefix(text, option)
        except InputError:
            problem = "not a host, client, group or prefix"
            raise InputError(option, text, problem, nearest(text, self._names.known)) from None
        address = parse_interface_address(text, option)
        if address.packed != prefix.packed:
            # It would be a grant for more than the address that was written.
            host = str(address.host).partition("/")[0]
            raise InputError(option, text, "an address with the length of its network", f"write {host} or {prefix}")
        if not any(each.covers(prefix) for each in self._names.inside):
            inside = list_names([str(each) for each in self._names.inside])
            remedy = f'use a part of {inside}, or internet or "*"'
            raise InputError(option, text, "outside the prefixes and subnets of the networks", remedy)
        return Side(prefixes=(prefix,))

    def _test(self, number: int, entry: object, path: str) -> Test:
        values = self._catch(partial(_parse_fields, entry, path, _TEST, ("src",)))
        text = self._catch(partial(parse_name, values["src"], f"{path}.src"))
        src = self._catch(partial(self._single, text, f"{path}.src", False))
        protocol = self._protocol(values.get("proto"), f"{path}.proto")
        accept, deny = (self._targets(values.get(name), f"{path}.{name}", protocol) for name in ("accept", "deny"))
        if not values.get("accept") and not values.get("deny"):
            remedy = "list what must be reachable in accept, or what must not be in deny"
            self._problems.add("", path, None, "it tests nothing", remedy)
        return Test(number, text, src, protocol, accept, deny)

    def _protocol(self, value: object, path: str) -> int:
        if value is None:
            return TCP
        text = self._catch(partial(parse_name, value, path))
        return self._catch(partial(parse_protocol, text.strip().lower(), path, value))

    def _targets(self, value: object, path: str, protocol: int) -> tuple[Target, ...]:
        if value is None or value == []:
            return ()
        return tuple(
            target
            for each, option in self._elements(value, path)
            if (target := self._problems.catch("", partial(self._target, each, option, protocol), None))
        )

    def _target(self, value: object, option: str, protocol: int) -> Target:
        """Raises InputError."""
        text = parse_name(value, option).strip()
        host, port = _split_port(text, option)
        if protocol not in WITH_PORTS:
            if port:
                raise InputError(option, text, "the protocol of this test has no ports", f"write {host}")
            return Target(text, self._single(host, option, True), 0)
        if not port:
            raise InputError(option, text, "the port is missing", f"write a port too, such as {_with_port(host)}")
        return Target(text, self._single(host, option, True), parse_service_port(port, option, text))

    def _single(self, text: str, option: str, is_target: bool) -> Side:
        """A member or an address; for a target, ``internet`` too. Raises InputError."""
        if text in self._names.homes:
            return self._member(text, option)
        if is_target and text in (INTERNET, AUTOGROUP + INTERNET):
            return self._parse_selector(text, option)
        what = "a host, a client, an address or internet" if is_target else "a host, a client or an address"
        is_group = text in self._names.groups or text.startswith((*_GROUP_SIGNS, AUTOGROUP))
        if is_group or text == EVERYTHING or "/" in text:
            raise InputError(option, text, "a test needs a single one", f"write {what}")
        try:
            prefix = parse_prefix(text, option)
        except InputError:
            raise InputError(option, text, f"not {what}", nearest(text, list(self._names.homes))) from None
        if is_target and any(each.covers(prefix) for each in PUBLIC):
            return Side(prefixes=(prefix,))
        return self._prefix(text, option)


def _if_right(read: Callable[[], _T]) -> tuple[_T, ...]:
    """What is read, unless it is refused."""
    try:
        return (read(),)
    except _Refused:
        return ()


def _parse_policy(value: object, path: str) -> Mapping[str, Any]:
    if value is None:  # what is meant to deny must not allow everything
        raise InputError(path, None, "empty", "list the grants, or remove it to allow everything")
    values = parse_mapping(value, path)
    check_names(map(str, values), ("grants", "tests"), f"{path}.")
    if values.get("grants") is None:
        raise InputError(f"{path}.grants", None, "missing", "list the grants; [] denies everything")
    return values


def _parse_fields(value: object, path: str, names: Sequence[str], required: Sequence[str]) -> Mapping[str, Any]:
    fields = parse_mapping(value, path)
    check_names(map(str, fields), names, f"{path}.")
    for name in required:
        if fields.get(name) is None:
            raise InputError(f"{path}.{name}", None, "missing", f"write {' and '.join(required)}")
    return fields


def _parse_elements(value: object, path: str) -> list[Any]:
    elements = parse_list([value] if isinstance(value, int) else value, path)
    if not elements:
        raise InputError(path, value, "empty", "list at least one, or remove the whole entry")
    return elements


def _split_port(text: str, option: str) -> tuple[str, str]:
    """``host:port``, with an IPv6 address in brackets; the port is empty where there is none. Raises InputError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InputError(option, text, "not an address in brackets with a port", 'write "[fd00::1]:443"')
        return host, rest[1:]
    if text.startswith(AUTOGROUP):
        name, _colon, port = text[len(AUTOGROUP) :].partition(":")
        return AUTOGROUP + name, port
    if text.count(":") > 1:
        raise InputError(option, text, "an IPv6 address needs brackets", 'write "[fd00::1]:443"')
    host, _colon, port = text.partition(":")
    return host, port


def _with_port(host: str) -> str:
    return f'"[{host}]:443"' if ":" in host else f'"{host}:443"'


def _describe(values: Mapping[str, Any]) -> str:
    """A grant on one line, for messages."""
    src, dst, ip = (_join(values.get(name)) for name in _GRANT)
    return f"{src} -> {dst}" + (f" ({ip})" if ip else "")


def _join(value: object) -> str:
    return list_names([str(each) for each in value]) if isinstance(value, (list, tuple)) else str(value or "")
