#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with the best firewall that works on this Linux host.
# usage: firewall-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# The first that works of nftables, ipset (with iptables) and iptables does it, by its own script beside this one;
# their headers tell how. The first two are given the block's time and 5 s more, so that the kernel ends the block
# even if the agent never comes back; iptables cannot do that, and is not chosen where AR_MUST_EXPIRE is 1. A release
# goes to all that are here, since another one may have been chosen when the block began, and fails where one of them
# does not answer.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

# Status 0: the program is here, and the kernel answers it. 1: it is not, or the kernel does not have what it asks, and
# so holds nothing. 2: nobody can tell what it holds. One that lacks permission is the right one: it will say so itself,
# and what it says is better than the silence of trying another. $complaint is what it said.
works() { # PROGRAM ARGUMENTS
    complaint=
    command -v "$1" >/dev/null || return 1
    complaint=$("$@" 2>&1) && return
    case $complaint in
        *[Pp]'ermission denied'* | *'not permitted'*) return 0 ;;
        *'ot supported'* | *'Invalid argument'* | *'does not exist'* | *'annot open session to kernel'*) return 1 ;;
        *) return 2 ;;
    esac
}

nftables_works() { works nft list chains; } # of what nft can list, this takes no longer when sets are large
iptables_works() { works iptables -w -S INPUT 1; }
ipset_works() { works ipset list -n && iptables_works; }

hand_over() { "${0%/*}/$firewall-drop.sh" "$action" "$user" "$address"; }
hand_over_batch() { printf '%s\n' "$lines" | "${0%/*}/$firewall-drop.sh" "$action" --batch; }
no_firewall() { fail 69 "no firewall works here: install nftables (or ipset and iptables)"; }

choose() { # the first that works
    for firewall in nftables ipset iptables; do
        [ "$firewall ${AR_MUST_EXPIRE-}" != 'iptables 1' ] ||
            fail 69 "no firewall works here that ends a block by itself: install nftables (or ipset)"
        ! "${firewall}_works" || return 0
        [ -z "$complaint" ] || say "passing over $firewall, which does not work here: $complaint"
    done
    no_firewall
}

block() {
    choose
    exec "${0%/*}/$firewall-drop.sh" "$action" "$user" "$address"
}

block_batch() {
    choose
    hand_over_batch
}

in_each() { # FUNCTION: call it for each that works; $silent is 69 where one does not answer, else 0
    asked=0 silent=0
    for firewall in nftables ipset iptables; do
        if "${firewall}_works"; then
            asked=$((asked + 1))
            "$1"
        elif [ $? -eq 2 ]; then
            silent=69
            say "$firewall does not answer, and may hold what is asked for: $complaint"
        fi
    done
    [ "$asked" -gt 0 ] || no_firewall
}

release_by() { # FUNCTION
    worst=0
    in_each "$1"
    [ "$worst" -ne 0 ] || return "$silent"
    return "$worst"
}

release() { release_by release_one; }
release_one() { hand_over || worst=$?; }
release_batch() { release_by release_these; }
release_these() { hand_over_batch || worst=$?; }

present() {
    in_each ask_for_one
    [ "$silent" -eq 0 ] || return "$silent"
    return 1
}

ask_for_one() {
    status=0
    hand_over || status=$?
    [ "$status" -eq 1 ] || exit "$status"
}

present_batch() { # what is missing in one is looked for in the next
    in_each ask_for_rest
    [ "$silent" -eq 0 ] || return "$silent"
    printf '%s\n' "$missing"
}

ask_for_rest() {
    missing=$(hand_over_batch) || fail 69 "$firewall-drop.sh cannot tell: $missing"
    [ -n "$missing" ] || exit 0
    lines=$(printf '%s\n' "$missing" | awk '$1 == "missing" { print $2, 0 }')
}

respond "$@"
