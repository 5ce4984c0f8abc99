#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The initramfs's only script: loads what the disks need, mounts the root and, at the first boot, unpacks the
# machine's own files (the second disk is a tar archive) over it.

/bin/busybox mkdir -p /proc /dev /root /sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do insmod "/$module"; done </modules

# The lab asks in this way whether an accelerator really runs a guest.
if grep -q lab.probe /proc/cmdline; then reboot -f; fi

tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then echo "lab: the disks did not appear"; poweroff -f; fi
    sleep 0.1
done
mount -t ext4 -o noatime /dev/vda /root || { echo "lab: no root file system"; poweroff -f; }
if [ ! -e /root/etc/lab-seeded ]; then
    tar -xf /dev/vdb -C /root
    : >/root/etc/lab-seeded
fi

# The addresses of QEMU's user-mode network, without a service that takes seconds for it under emulation.
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2

umount /proc
exec switch_root /root /sbin/init
