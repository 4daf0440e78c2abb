#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with the best firewall that works on this Linux host.
# usage: firewall-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# The first that works of nftables, ipset (with iptables) and iptables does it, by its own script beside this one;
# their headers tell how. The first two are given the block's time and 5 s more, so that the kernel ends the block
# even if the agent never comes back; iptables cannot do that. A release goes to all that work, so that nothing is
# left behind when another firewall was installed during the block; one that does not answer is passed over.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

# Tell whether a program is here and the kernel answers it. One that lacks permission is the right one: it will say
# so itself, and what it says is better than the silence of trying another.
works() {
    command -v "$1" >/dev/null || return 1
    complaint=$("$@" 2>&1) && return
    case $complaint in
        *[Pp]'ermission denied'* | *'not permitted'*) return 0 ;;
    esac
    say "passing over $1, which does not work here: $complaint"
    return 1
}

nftables_works() { works nft list chains; } # of what nft can list, this takes no longer when sets are large
iptables_works() { works iptables -w -S INPUT 1; }
ipset_works() { works ipset list -n && iptables_works; }

hand_over() { "${0%/*}/$1-drop.sh" "$action" "$user" "$address"; }

block() {
    for firewall in nftables ipset iptables; do
        ! "${firewall}_works" || exec "${0%/*}/$firewall-drop.sh" "$action" "$user" "$address"
    done
    no_firewall
}

release_by() { # FUNCTION: hand over by it to each that works
    released=0 worst=0
    for firewall in nftables ipset iptables; do
        "${firewall}_works" || continue
        "$1" "$firewall" || worst=$?
        released=$((released + 1))
    done
    [ "$released" -gt 0 ] || no_firewall
    return "$worst"
}

release() { release_by hand_over; }

present() {
    asked=0
    for firewall in nftables ipset iptables; do
        "${firewall}_works" || continue
        asked=$((asked + 1))
        hand_over "$firewall" && return || status=$?
        [ "$status" -eq 1 ] || return "$status"
    done
    [ "$asked" -gt 0 ] || no_firewall
    return 1
}

hand_over_batch() { printf '%s\n' "$lines" | "${0%/*}/$1-drop.sh" "$action" --batch; }

block_batch() {
    for firewall in nftables ipset iptables; do
        "${firewall}_works" || continue
        hand_over_batch "$firewall"
        return
    done
    no_firewall
}

release_batch() { release_by hand_over_batch; }

present_batch() { # what is missing in one is looked for in the next
    asked=0 missing=
    for firewall in nftables ipset iptables; do
        "${firewall}_works" || continue
        asked=$((asked + 1))
        missing=$(hand_over_batch "$firewall") || fail 69 "$firewall-drop.sh cannot tell: $missing"
        [ -n "$missing" ] || return 0
        lines=$(printf '%s\n' "$missing" | awk '$1 == "missing" { print $2, 0 }')
    done
    [ "$asked" -gt 0 ] || no_firewall
    printf '%s\n' "$missing"
}

no_firewall() { fail 69 "no firewall works here: install nftables (or ipset and iptables)"; }

respond "$@"
