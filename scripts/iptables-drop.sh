#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with a rule in the chain OSSEC_AR of iptables or ip6tables.
# usage: iptables-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# Rules of iptables do not expire: only the agent releases. Where ipset is, ipset-drop.sh is faster and expires.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/xtables.sh"

block() {
    make_chain "$2"
    ask "$2" -C OSSEC_AR -s "$1" -j DROP || change "$2" -A OSSEC_AR -s "$1" -j DROP
}

release() { # each of them, should the same rule be there more than once
    while ask "$2" -C OSSEC_AR -s "$1" -j DROP; do
        change "$2" -D OSSEC_AR -s "$1" -j DROP || return
    done
}

present() { chain_is_used "$2" && ask "$2" -C OSSEC_AR -s "$1" -j DROP; }

respond "$@"
