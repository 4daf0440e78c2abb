#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with the best firewall that works on this host.
# usage: firewall-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# The first that works, and is enabled, of those that the system may have does it, by its own script beside this one;
# their headers tell how. Of Linux's, nftables and ipset are given the block's time and 5 s more, so that the kernel
# ends the block even if the agent never comes back. What cannot do that is not chosen where AR_MUST_EXPIRE is 1.
#
# A release goes to all that are here, since another one may have been chosen when the block began, and fails where
# one of them does not answer. It is remembered which ones were used since the host was booted, so that it also fails
# where the program of one of these is gone: without it nobody can tell what the kernel holds.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"
. "${0%/*}/firewalls.sh"

hand_over() { "$script" "$action" "$user" "$address"; }

hand_over_batch() {
    if declares batch; then printf '%s\n' "$lines" | "$script" "$action" --batch; else hand_over_each; fi
}

hand_over_each() {
    printf '%s\n' "$lines" | {
        worst=0
        while read -r one seconds; do
            status=0
            AR_TIMEOUT=$seconds "$script" "$action" - "$one" </dev/null || status=$?
            if [ "$action $status" = 'present 1' ]; then echo "missing $one"; else worst=$((worst | status)); fi
        done
        exit "$worst"
    }
}

no_firewall() { fail 69 "no firewall works here: $advice"; }

# The first that works and is enabled; else the first that works, which will say what it lacks.
choose() {
    second=
    for firewall in $firewalls; do
        status=0
        works || status=$?
        case $status in
            0) is_disabled || { use && return; } && second=${second:-$firewall} ;;
            1 | 2) say "passing over $firewall, which does not work here: $said" ;;
        esac
    done
    firewall=$second
    [ -n "$firewall" ] || no_firewall
    use
}

use() {
    find_script
    [ "${AR_MUST_EXPIRE-}" != 1 ] || declares timeout ||
        fail 69 "no firewall works here that ends a block by itself: install nftables (or ipset)"
    remember
}

block() {
    choose
    exec "$script" "$action" "$user" "$address"
}

block_batch() {
    choose
    hand_over_batch
}

in_each() { # FUNCTION: call it for each that works; $silent is 69 where one cannot tell what it holds, else 0
    asked=0 silent=0
    for firewall in $firewalls; do
        find_script
        status=0
        works || status=$?
        case $status in
            0) asked=$((asked + 1)) && "$1" ;;
            2) silent=69 && say "$firewall does not answer, and may hold what is asked for: $said" ;;
            3) ! is_remembered || { silent=69 && say "$firewall may hold what is asked for, but is gone: $said"; } ;;
        esac
    done
    [ "$asked" -gt 0 ] || [ "$silent" -ne 0 ] || no_firewall
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
    missing=$(hand_over_batch) || fail 69 "${script##*/} cannot tell: $missing"
    [ -n "$missing" ] || exit 0
    lines=$(printf '%s\n' "$missing" | awk '$1 == "missing" { print $2, 0 }')
}

respond "$@"
