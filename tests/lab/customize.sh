#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the root below $1 a guest that boots quickly. A hook of mmdebstrap, run by sh at the end of the build.
set -eu
root=$1

echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
# Without an entry in fstab, systemd does not wait for udev to tell of the root that is there already.
: >"$root/etc/fstab"

# No PAM, hence no session services, which take seconds under emulation. The host key comes with the machine.
cat >"$root/etc/ssh/sshd_config.d/lab.conf" <<'EOF'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
EOF
rm -f "$root"/etc/ssh/ssh_host_*

# dpkg need not wait for the disk of a machine that is thrown away, nor apt read translations.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/lab"
echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/20lab"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"

# What a machine of a test does not need while it boots. The initramfs has loaded its drivers and set up its network.
# Each unit costs about a second under emulation.
systemctl --quiet --root="$root" set-default multi-user.target
systemctl --quiet --root="$root" mask \
    apt-daily-upgrade.timer apt-daily.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer getty-static.service getty@tty1.service kmod-static-nodes.service ldconfig.service \
    serial-getty@ttyS0.service sshd-keygen.service \
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-binfmt.service \
    systemd-firstboot.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
    systemd-logind.service systemd-pcrphase-sysinit.service systemd-pcrphase.service systemd-random-seed.service \
    systemd-sysusers.service systemd-udev-load-credentials.service systemd-udev-trigger.service \
    systemd-update-done.service systemd-update-utmp-runlevel.service systemd-update-utmp.service
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/lib/systemd/system-generators/*; do
    ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done

# The lists stay, so that apt can install at once, with the cache that it would otherwise build at its first use. It
# is believed only while the lists' times are those that it was built from, and archiving changes recent ones.
touch -d "@$(($(date +%s) - 3600))" "$root"/var/lib/apt/lists/*_* "$root/var/lib/dpkg/status"
chroot "$root" apt-get clean
chroot "$root" apt-cache gencaches
