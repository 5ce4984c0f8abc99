#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# look.sh INTERFACE PYTHON DROP_IN [NAMESPACE...]
#
# Prints which parts of the set-up this host lacks, one a line: packages, netns, systemd or openrc, or boot where nothing
# would make the namespaces then. A host that has everything prints nothing, and costs this one task.
#
# DROP_IN is what 60-cryptokey-netns.conf has to say, empty when it has not to be there.
interface=$1
python=$2
dropin=$(printf %s "$3")
shift 3
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
