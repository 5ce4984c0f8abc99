#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# reresolve INTERFACE
#
# Managed by Ansible (cryptokey.wireguard). Resolves the names of the interface's dead peers. A peer is dead if it has an
# Endpoint with a host name in /etc/wireguard/INTERFACE.conf, and no handshake or one that is older than a session can
# live. If the peer's endpoint is not an address of its name, it gets one. If it is, and a persistent keepalive sends
# packets there, the peer does not answer, and the next address is tried. Nothing else is changed.
# Names are looked up first. Then the interface's lock is taken, and only peers that have not changed are set, because wg(8)
# would add a peer that was removed in the meantime.
set -eu
umask 077
interface=$1
file=/etc/wireguard/$interface.conf
# The lock of all programs that write the interface's state. Only root can open it.
locks=/run/cryptokey-wireguard
lock_seconds=20
# The time limit for one name, and the number of names that are looked up at the same time.
name_seconds=10
names_at_once=32
# REJECT_AFTER_TIME: no session outlives it (WireGuard whitepaper, section 6.1).
session_seconds=180
PATH=$PATH:/usr/sbin:/sbin

# Not a condition of the unit, because some versions of systemd would check it again and again.
if [ ! -e "/sys/class/net/$interface" ] || [ ! -e "$file" ]; then
    exit 0
fi

# Print the running state without secrets: "handshake KEY SECONDS", "keepalive KEY SECONDS|off", "endpoint KEY ENDPOINT".
running() {
    wg show "$interface" latest-handshakes | sed 's/^/handshake /'
    wg show "$interface" persistent-keepalive | sed 's/^/keepalive /'
    wg show "$interface" endpoints | sed 's/^/endpoint /'
}

# Print a line for each dead peer with a host name: KEY HOST PORT KEEPALIVE ENDPOINT. The file is read as wg(8) reads it:
# white space and the case of keys do not matter, and # starts a comment.
dead_peers() {
    running | awk -v oldest="$(($(date +%s) - session_seconds))" '
        function end_of_peer(  port, host) {
            port = endpoint; sub(/.*:/, "", port)
            host = substr(endpoint, 1, length(endpoint) - length(port) - 1)
            if ((("handshake", key) in has) && has["handshake", key] < oldest && host ~ /^[^:[]+$/ && host !~ /^[0-9.]+$/)
                print key, host, port, has["keepalive", key], has["endpoint", key]
            key = endpoint = ""
        }
        part == "running" { has[$1, $2] = $3; next }
        { sub(/#.*/, ""); gsub(/[ \t\r\f\v]/, ""); name = tolower($0); sub(/=.*/, "", name); sub(/^[^=]*=/, "") }
        name ~ /^\[/ { end_of_peer() }
        name == "publickey" { key = $0 }
        name == "endpoint" { endpoint = $0 }
        END { end_of_peer() }
    ' part=running - part=file "$file"
}

# Write the endpoints for the addresses of each dead peer's name to the file $1/NUMBER, one on each line, in the order of
# preference (RFC 6724).
look_up() {
    number=0
    while read -r _key host port _rest; do
        number=$((number + 1))
        timeout "$name_seconds" getent ahosts "$host" </dev/null | awk -v port="$port" '
            !seen[$1]++ { print ($1 ~ /:/ ? "[" $1 "]" : $1) ":" port }
        ' >"$1/$number" &
        [ $((number % names_at_once)) -ne 0 ] || wait
    done
    wait
}

# Print one endpoint of those on standard input, for a peer that has the endpoint $1 and the persistent keepalive $2. The
# peer's endpoint is kept only if it has the family of the first one, which this host can use.
choose() {
    awk -v current="$1" -v keepalive="$2" '
        NR == 1 { first = $0 }
        next_one { chosen = $0; next_one = 0 }
        $0 == current { found = next_one = 1 }
        END {
            if (keepalive == "off" && found && (current ~ /^\[/) == (first ~ /^\[/)) chosen = current
            else if (keepalive == "off" || chosen == "") chosen = first
            print chosen
        }
    '
}

# Print the lines of dead peers from standard input, each after the endpoint to set.
choices() {
    number=0
    while read -r key host port keepalive current; do
        number=$((number + 1))
        if [ ! -s "$1/$number" ]; then
            echo "$interface: peer $key: $host has no address now" >&2
            continue
        fi
        chosen=$(choose "$current" "$keepalive" <"$1/$number")
        [ "$chosen" = "$current" ] || echo "$chosen $key $host $port $keepalive $current"
    done
}

# Hold the lock until this process ends.
lock() {
    [ -e "$locks" ] || mkdir "$locks"
    if [ -L "$locks" ] || [ ! -d "$locks" ] || [ "$(stat -c '%u %a' "$locks")" != "$(id -u) 700" ]; then
        echo "$locks: not a directory with mode 0700 of user $(id -u), so other users could hold locks; remove it" >&2
        exit 1
    fi
    exec 9>>"$locks/$interface.lock"
    if ! flock -w "$lock_seconds" 9; then
        holder=$(head -n 1 "$locks/$interface.lock")
        echo "$interface: locked by another run for $lock_seconds seconds: $holder; the next run of the timer tries again" >&2
        exit 1
    fi
    echo "process $$ (cryptokey-wireguard-reresolve) on $(uname -n)" >"$locks/$interface.lock"
}

dead=$(dead_peers)
[ -n "$dead" ] || exit 0
answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT
printf '%s\n' "$dead" | look_up "$answers"
chosen=$(printf '%s\n' "$dead" | choices "$answers")
[ -n "$chosen" ] || exit 0

lock
status=0
still_dead=$(dead_peers)
while read -r endpoint peer; do
    printf '%s\n' "$still_dead" | grep -qxF "$peer" || continue
    read -r key host _port _keepalive current <<PEER
$peer
PEER
    echo "$interface: peer $key: endpoint $current -> $endpoint ($host)"
    wg set "$interface" peer "$key" endpoint "$endpoint" || status=1
done <<EOF
$chosen
EOF
exit "$status"
