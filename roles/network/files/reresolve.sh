#!/bin/sh
# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# reresolve INTERFACE
#
# Managed by Ansible (cryptokey.wireguard). Resolves anew the names of the interface's dead peers: those that have an
# Endpoint with a host name in /etc/wireguard/INTERFACE.conf and shook hands never, or longer ago than a session can
# live. Such a peer gets an address of its name as its endpoint if it has none of them. If it has one, and is called
# there all the time (persistent keepalive), it does not answer, and the next address is tried. Nothing else is touched.
set -eu
interface=$1
file=/etc/wireguard/$interface.conf
# REJECT_AFTER_TIME: no session outlives it (WireGuard whitepaper, section 6.1).
session_seconds=180
PATH=$PATH:/usr/sbin:/sbin

# No condition of the unit, which some versions of systemd would ask again and again.
if [ ! -e "/sys/class/net/$interface" ] || [ ! -e "$file" ]; then
    exit 0
fi

# What runs, without its secrets: "handshake KEY SECONDS", "keepalive KEY SECONDS|off" and "endpoint KEY ENDPOINT".
running() {
    wg show "$interface" latest-handshakes | sed 's/^/handshake /'
    wg show "$interface" persistent-keepalive | sed 's/^/keepalive /'
    wg show "$interface" endpoints | sed 's/^/endpoint /'
}

# One line for each dead peer with a name: KEY HOST PORT KEEPALIVE ENDPOINT. The file is read as wg(8) reads it: white
# space and the case of keys do not matter, and # starts a comment.
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

# The endpoints at the addresses of a name, in the order of preference (RFC 6724), one a line.
endpoints() {
    getent ahosts "$1" | awk -v port="$2" '
        !seen[$1]++ { print ($1 ~ /:/ ? "[" $1 "]" : $1) ":" port }
    '
}

# The endpoint for a peer that has $1 and $2 as persistent keepalive, out of those that come in. The one that it has is
# kept only if it is of the family that comes first, which is one that this host can use.
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

status=0
dead=$(dead_peers)
while read -r key host port keepalive current; do
    [ -n "$key" ] || continue
    found=$(endpoints "$host" "$port")
    if [ -z "$found" ]; then
        echo "$interface: peer $key: $host has no address now" >&2
        continue
    fi
    chosen=$(printf '%s\n' "$found" | choose "$current" "$keepalive")
    if [ "$chosen" != "$current" ]; then
        echo "$interface: peer $key: endpoint $current -> $chosen ($host)"
        wg set "$interface" peer "$key" endpoint "$chosen" || status=1
    fi
done <<EOF
$dead
EOF
exit "$status"
