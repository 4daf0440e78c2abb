#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with a set of ipset that the chain OSSEC_AR looks at.
# usage: ipset-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# Each element has a timeout of the block's time and 5 s more, so that the kernel ends the block even if the agent
# never comes back. ipset counts to 2147483 s (24 days); a longer block has no timeout, and only the agent ends it.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"
. "${0%/*}/xtables.sh"

set_of() { # FAMILY: set $set and $kind
    set=ar_agent$1
    case $1 in
        4) kind='hash:ip family inet' ;;
        6) kind='hash:ip family inet6' ;;
        6net) kind='hash:net family inet6' ;;
    esac
}

# One run of ipset makes the set, should it not be there, and adds the element; -exist makes both idempotent, and
# gives an element that is there its new timeout.
block() {
    set_of "$2"
    [ "$expiry_s" -le 2147483 ] || expiry_s=0
    run ipset -exist restore <<END
create $set $kind maxelem 1000000 timeout 0
add $set $1 timeout $expiry_s
END
    use_set "$2"
}

use_set() { # FAMILY
    make_chain "$1"
    ask "$1" -C OSSEC_AR -m set --match-set "$set" src -j DROP ||
        change "$1" -I OSSEC_AR 1 -m set --match-set "$set" src -j DROP
}

release() {
    set_of "$2"
    answer=$(ipset -exist del "$set" "$1" 2>&1) || case $answer in
        *'does not exist'*) ;; # nor does the set
        *) fail 69 "cannot delete from $set: $answer" ;;
    esac
}

present() {
    set_of "$2"
    answer=$(ipset test "$set" "$1" 2>&1) || case $answer in
        *'is NOT in set'* | *'does not exist'*) return 1 ;;
        *) fail 69 "cannot ask ipset: $answer" ;;
    esac
    set_is_used "$2"
}

set_is_used() { # FAMILY
    chain_is_used "$1" && ask "$1" -C OSSEC_AR -m set --match-set "$set" src -j DROP
}

# Print what `ipset restore` is to do with all of the batch; the sets are made, should they not be there.
commands() { # VERB
    for one in 4 6 6net; do
        ! batch_has "$one" || { set_of "$one" && printf 'create %s %s maxelem 1000000 timeout 0\n' "$set" "$kind"; }
    done
    printf '%s\n' "$batch" | awk -v verb="$1" '
        { print verb, "ar_agent" $1, $2 (verb == "add" ? " timeout " ($3 <= 2147483 ? $3 : 0) : "") }'
}

block_batch() {
    run ipset -exist restore <<END
$(commands add)
END
    for one in 4 6 6net; do
        ! batch_has "$one" || { set_of "$one" && use_set "$one"; }
    done
}

release_batch() {
    run ipset -exist restore <<END
$(commands del)
END
}

present_batch() {
    saved=$(ipset save 2>&1) || fail 69 "cannot ask ipset: $saved"
    for one in 4 6 6net; do
        batch_has "$one" || continue
        set_of "$one"
        case $saved in
            *"create $set "*) ! set_is_used "$one" || { print_missing "$one" "$saved" && continue; } ;;
        esac
        print_missing "$one" ""
    done
}

require ipset ipset
respond "$@"
