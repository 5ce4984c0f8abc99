#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# look.sh PYTHON [INTERFACE DROP_IN NETNS BIRTH_NETNS TIMER PROGRAM]...
#
# Prints the parts of the setup that this host lacks, one on each line:
#   first packages              programs or libraries are missing
#   first netns NAME            a network namespace is missing
#   first boot INTERFACE        the interface has namespaces, and nothing would create them at boot
#   systemd INTERFACE           the systemd service is not enabled, not running or not configured
#   openrc INTERFACE            the OpenRC service is not enabled
#   reresolve INTERFACE         the timer is not enabled, not running or not up to date
#   reresolve_absent INTERFACE  the timer exists and should not
#   rotated INTERFACE           a key rotation has left the old key
# Parts that begin with "first" are installed before anything else. If nothing is missing, nothing is printed.
#
# DROP_IN is the content of 60-cryptokey-netns.conf, TIMER that of the interface's timer, and PROGRAM the SHA-256 of the
# program that resolves names followed by its service. Each is empty if it should not exist.
python=$1
shift
case $python in auto*) python=python3 ;; esac
PATH=$PATH:/usr/sbin:/sbin # where nft is, and not on every user's path

program=/usr/local/libexec/cryptokey-wireguard-reresolve
units=/etc/systemd/system/cryptokey-wireguard-reresolve@
keys=/etc/wireguard/private
adopt="ExecStart=/bin/sh -c 'test -e /sys/class/net/%i || exec /usr/bin/wg-quick up %i'"

has() {
    command -v "$1" >/dev/null 2>&1
}

# Find the libraries without loading them, which would take longer than everything else.
has_libraries() {
    "$python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("nacl") and u.find_spec("pyroute2")))'
}

# says TEXT FILE: whether the file has just this text, apart from newlines at the end.
says() {
    [ "$(printf %s "$1")" = "$(cat "$2" 2>/dev/null)" ]
}

runs() {
    systemctl -q is-enabled "$1" && systemctl -q is-active "$1"
}

look_at_service() { # INTERFACE DROP_IN
    if [ -d /run/systemd/system ]; then
        unit=wg-quick@$1.service
        {
            grep -Fqsx "$adopt" "/etc/systemd/system/$unit.d/50-cryptokey-adopt.conf" &&
                says "$2" "/etc/systemd/system/$unit.d/60-cryptokey-netns.conf" &&
                runs "$unit"
        } 2>/dev/null || echo "systemd $1"
    elif [ "$2" ]; then
        echo "first boot $1"
    elif [ -d /etc/runlevels ]; then
        [ -e "/etc/runlevels/default/wg-quick.$1" ] || echo "openrc $1"
    fi
}

look_at_timer() { # INTERFACE TIMER PROGRAM
    timer=$units$1.timer
    if [ ! "$2" ]; then
        if [ -e "$timer" ]; then echo "reresolve_absent $1"; fi
    elif [ -d /run/systemd/system ]; then
        {
            [ "$(cat "$program" "$units.service" | sha256sum)" = "$3  -" ] &&
                says "$2" "$timer" &&
                runs "${timer##*/}"
        } 2>/dev/null || echo "reresolve $1"
    else
        echo "wireguard_reresolve: it needs systemd, which does not run on this host; turn it off for this host" >&2
        exit 1
    fi
}

{ has wg-quick && has ip && has nft && has ping && has_libraries; } 2>/dev/null || echo first packages

while [ $# -gt 0 ]; do
    for namespace in "$3" "$4"; do
        [ -z "$namespace" ] || [ -e "/run/netns/$namespace" ] || echo "first netns $namespace"
    done
    look_at_service "$1" "$2"
    look_at_timer "$1" "$5" "$6"
    if [ -e "$keys/$1.key.old" ]; then echo "rotated $1"; fi
    shift 6
done
