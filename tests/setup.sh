#!/usr/bin/env bash
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs the system packages that one part of the tests needs and this machine lacks.
#
#   tests/setup.sh python|lint|unit|docs|lab|bench
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin # mke2fs is there, and not on every user's path
python=${PYTHON:-python3}

has_venv() { "$python" -c 'import ensurepip, venv'; }
has() { command -v "$1"; }

# The package of promtool is a service, which must not start on this machine: only the program is taken out of it.
tools=build/tools

# need PACKAGE CHECK...: remembers the package when the check fails.
missing=()
promtool=
need() {
    "${@:2}" >/dev/null 2>&1 || missing+=("$1")
}

case ${1-} in
    python)
        need python3-venv has_venv
        need git has git
        ;;
    lint)
        need shellcheck has shellcheck
        ;;
    unit)
        need cpio has cpio
        need graphviz has dot
        need iproute2 has ip
        need iputils-ping has ping # the role installs what its hosts lack, which tests on this machine must not
        need nftables has nft
        has promtool >/dev/null || [[ -x $tools/promtool ]] || promtool=wanted
        need redis-server has redis-server
        need strace has strace
        need wireguard-tools has wg-quick
        ;;
    docs)
        need chromium has chromium
        need chromium-driver has chromedriver
        need npm has npm
        ;;
    lab)
        need debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg
        need e2fsprogs has mke2fs
        need gpg has gpg
        need mmdebstrap has mmdebstrap
        need openssh-client has ssh
        need qemu-system-x86 has qemu-system-x86_64
        need qemu-utils has qemu-img
        need uidmap has newuidmap
        ;;
    bench) # its hosts need the same as those of the unit tests, and its browser the same as that of the pages
        "$0" unit
        exec "$0" docs
        ;;
    *)
        echo "usage: $0 python|lint|unit|docs|lab|bench" >&2
        exit 2
        ;;
esac

# as_root WHY COMMAND...: runs a command as root, or says what to do.
as_root() {
    if ((!EUID)); then
        "${@:2}"
    elif command -v sudo >/dev/null; then
        sudo "${@:2}"
    else
        echo "Please $1" >&2
        exit 1
    fi
}

if ((${#missing[@]})) || [[ $promtool ]]; then
    wanted=("${missing[@]}" ${promtool:+promtool})
    if ! command -v apt-get >/dev/null; then
        echo "Please install, by whatever names this system has for these Debian packages: ${wanted[*]/promtool/prometheus}" >&2
        exit 1
    fi
    echo "Installing ${wanted[*]}"
    as_root "install as root: apt-get install ${wanted[*]/promtool/prometheus}" apt-get -qq update
fi
if ((${#missing[@]})); then
    as_root "install as root: apt-get install ${missing[*]}" \
        env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${missing[@]}" >/dev/null
fi
if [[ $promtool ]]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus && dpkg-deb --extract ./*.deb .)
    install -D "$work/usr/bin/promtool" "$tools/promtool"
fi

if [[ $1 == python ]] && ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed here; PYTHON=... chooses one" >&2
    exit 1
fi
