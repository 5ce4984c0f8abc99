#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# look.sh INTERFACE PYTHON RERESOLVE DROP_IN [NAMESPACE...]
#
# Prints which parts of the set-up this host lacks, one a line: packages, netns, systemd or openrc, boot where nothing
# would make the namespaces then, reresolve, and reresolve_absent where that is there and unwanted. A host that has
# everything prints nothing, and costs this one task.
#
# RERESOLVE is the SHA-256 of the files of the timer that resolves names anew, or off. DROP_IN is what
# 60-cryptokey-netns.conf has to say, empty when it has not to be there.
interface=$1
python=$2
reresolve=$3
dropin=$(printf %s "$4")
shift 4
case $python in auto*) python=python3 ;; esac
PATH=$PATH:/usr/sbin:/sbin # where nft is, and not on every user's path

has() {
    command -v "$1" >/dev/null 2>&1
}

# The libraries are looked for without being loaded: that would take longer than all the rest.
has_libraries() {
    "$python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("nacl") and u.find_spec("pyroute2")))'
}

{ has wg-quick && has ip && has nft && has ping && has_libraries; } 2>/dev/null || echo packages

for namespace in "$@"; do
    [ -z "$namespace" ] || [ -e "/run/netns/$namespace" ] || echo netns
done

adopt="ExecStart=/bin/sh -c 'test -e /sys/class/net/%i || exec /usr/bin/wg-quick up %i'"
if [ -d /run/systemd/system ]; then
    unit=wg-quick@$interface.service
    {
        grep -Fqsx "$adopt" "/etc/systemd/system/$unit.d/50-cryptokey-adopt.conf" &&
            [ "$dropin" = "$(cat "/etc/systemd/system/$unit.d/60-cryptokey-netns.conf" 2>/dev/null)" ] &&
            systemctl -q is-enabled "$unit" &&
            systemctl -q is-active "$unit"
    } 2>/dev/null || echo systemd
elif [ "$dropin" ]; then
    echo boot
elif [ -d /etc/runlevels ]; then
    [ -e "/etc/runlevels/default/wg-quick.$interface" ] || echo openrc
fi

program=/usr/local/libexec/cryptokey-wireguard-reresolve
units=/etc/systemd/system/cryptokey-wireguard-reresolve@
timer=$units$interface.timer
if [ "$reresolve" = off ]; then
    if [ -e "$timer" ]; then echo reresolve_absent; fi
elif [ -d /run/systemd/system ]; then
    {
        [ "$(cat "$program" "$units.service" "$timer" | sha256sum)" = "$reresolve  -" ] &&
            systemctl -q is-enabled "${timer##*/}" &&
            systemctl -q is-active "${timer##*/}"
    } 2>/dev/null || echo reresolve
else
    echo "wireguard_reresolve: it is a timer of systemd, which does not run here; turn it off for this host" >&2
    exit 1
fi
