#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives the root below $1 both programs that look after a host's name servers, neither of which runs until a test
# starts it. Their packages exclude each other, so openresolv, a few shell scripts, is put beside systemd-resolved.
# A hook of mmdebstrap, run by sh at the end of the build.
set -eu
root=$1

# The package has made it a link to what systemd-resolved would write.
rm -f "$root/etc/resolv.conf"
systemctl --quiet --root="$root" disable systemd-resolved.service
# Its socket starts it when it is asked for.
rm -f "$root/usr/lib/systemd/system/multi-user.target.wants/dbus.service"

work=$(mktemp -d)
(cd "$work" && apt-get --quiet download openresolv)
dpkg-deb -x "$work"/openresolv_*.deb "$root/opt/openresolv"
rm -r "$work"
for folder in lib/resolvconf usr/lib/resolvconf; do
    if [ -d "$root/opt/openresolv/$folder" ]; then
        ln -s "/opt/openresolv/$folder" "$root/usr/lib/resolvconf"
    fi
done
