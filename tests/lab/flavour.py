# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of guests, as data: which release of the distribution, and what is installed in it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from .console import LabError


@dataclass(frozen=True)
class Flavour:
    """A recipe of a root image.

    `packages` are those besides the essential ones. `prepare` names scripts of this folder that run before
    customize.sh. The support of a suite that has `ended` is over: only its last point release is used, since the
    archive of security updates lists packages that it no longer has.
    """

    suite: str
    packages: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    ended: bool = False


# What any host has that Ansible manages over SSH, and busybox for the initramfs.
_BASE = (
    "busybox-static",
    "ca-certificates",
    "iproute2",
    "linux-image-cloud-amd64",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "systemd-sysv",
    "udev",
)

# What the role installs. Guests that have it already save its time; the bare ones prove it.
_HOST = (*_BASE, "iputils-ping", "nftables", "python3-nacl", "python3-pyroute2", "wireguard-tools")

# What converges itself with ansible-pull. Debian 12's ansible-core is older than what the collection needs.
_PULL = (*_HOST, "ansible-core", "git")

# What is watched, and what watches.
_EXPORTER = (*_HOST, "prometheus-node-exporter")
_PROMETHEUS = (*_EXPORTER, "prometheus")

# For tests in network namespaces, which also run modules as whole processes.
_TEST = (
    *_HOST,
    "ansible-core",
    "conntrack",
    "iperf3",
    "python3-hypothesis",
    "python3-pytest",
    "strace",
    "systemd-resolved",
    "tcpdump",
)

# Debian 11 has ansible-core in the package ansible, and systemd-resolved in the one of systemd.
_OLD_TEST = tuple("ansible" if name == "ansible-core" else name for name in _TEST if name != "systemd-resolved")

FLAVOURS = {
    "debian11": Flavour("bullseye", _HOST, ended=True),
    "debian11-test": Flavour("bullseye", _OLD_TEST, ("resolvers.sh",), ended=True),
    "debian12": Flavour("bookworm", _HOST),
    "debian12-bare": Flavour("bookworm", _BASE),
    "debian12-exporter": Flavour("bookworm", _EXPORTER),
    "debian12-prometheus": Flavour("bookworm", _PROMETHEUS),
    "debian12-test": Flavour("bookworm", _TEST, ("resolvers.sh",)),
    "debian13": Flavour("trixie", _HOST),
    "debian13-bare": Flavour("trixie", _BASE),
    "debian13-exporter": Flavour("trixie", _EXPORTER),
    "debian13-pull": Flavour("trixie", _PULL),
    "debian13-test": Flavour("trixie", _TEST, ("resolvers.sh",)),
    "debian-unstable-test": Flavour("unstable", _TEST, ("resolvers.sh",)),
}


def flavour(name: str) -> Flavour:
    """Look a flavour up by its name; LabError offers the nearest one."""
    try:
        return FLAVOURS[name]
    except KeyError:
        near = difflib.get_close_matches(name, FLAVOURS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(FLAVOURS)}"
        raise LabError(f"no flavour is called {name!r}: {hint}") from None
