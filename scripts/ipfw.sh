#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with table 1 of ipfw (FreeBSD).
# usage: ipfw.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch present
#
# As with OSSEC's script, rules of number 1 look at the table, and `add` makes those that are missing. They stand
# before any check-state, and established connections are cut. It makes none while a rule that is no deny uses the
# table, since that may pass what is in it. AR_IPFW_TABLE names another table, for trials by hand; the agent hands
# scripts no variables but its own. Elements do not expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

TABLE=${AR_IPFW_TABLE:-1}
INWARD="deny ip from table($TABLE) to any"
OUTWARD="deny ip from any to table($TABLE)"

ask_ipfw() { answer=$(ipfw "$@" 2>&1) || fail 69 "ipfw failed with status $?: $answer"; }

is_enabled() { # FAMILY: whether ipfw filters at all; $complaint is for when it does not
    complaint="ipfw is not enabled: type ipfw enable firewall"
    [ "$1" = 4 ] && switch=net.inet.ip.fw.enable || switch=net.inet6.ip6.fw.enable
    enabled=$(sysctl -n "$switch" 2>&1) || fail 69 "cannot ask sysctl: $enabled"
    [ "$enabled" = 1 ]
}

# Set $missing to which of the rules are not there (inward, outward), and $foreign to one that does something else
# with what is in the table.
look_at_rules() {
    ask_ipfw list
    missing=$(printf '%s\n' "$answer" | awk -v inward="00001 $INWARD" -v outward="00001 $OUTWARD" '
        { sub(/ +$/, "") }
        $0 == inward { first = 1 }
        $0 == outward { second = 1 }
        END { print (first ? "" : "inward ") (second ? "" : "outward") }')
    foreign=$(printf '%s\n' "$answer" | awk -v table="table($TABLE" '
        (index($0, table ")") || index($0, table ",")) && $2 != "deny"')
}

make_rules() {
    look_at_rules
    [ -n "$missing" ] || return 0
    lock ipfw
    look_at_rules
    [ -z "$foreign" ] || fail 69 "table $TABLE is used for something else, so it blocks nobody: $foreign"
    case $missing in *inward*) ask_ipfw -q add 1 deny ip from "table($TABLE)" to any ;; esac
    case $missing in *outward*) ask_ipfw -q add 1 deny ip from any to "table($TABLE)" ;; esac
}

# With -q ipfw takes for done what is there (add) or is not there (delete) already.
block() {
    is_enabled "$2" || fail 69 "$complaint"
    make_rules
    ask_ipfw -q table "$TABLE" add "$1"
}

release() { take_out table "$TABLE" delete "$1"; }

take_out() { # ARGUMENTS
    answer=$(ipfw -q "$@" 2>&1) || case $answer in
        *'does not exist'* | *'table not found'*) ;; # the table, nor the block
        *) fail 69 "ipfw failed with status $?: $answer" ;;
    esac
}

list_blocked() { # FAMILY: set $answer to what is blocked; where there are both rules there is the table
    answer=
    is_enabled "$1" || return 0
    look_at_rules
    if [ -z "$missing" ]; then ask_ipfw table "$TABLE" list; else answer=; fi
}

present() {
    list_blocked "$2"
    batch="$2 $1 0"
    absent=$(print_missing "$2" "$answer") || exit
    [ -z "$absent" ]
}

commands() { printf '%s\n' "$batch" | awk -v change="table $TABLE $1" '{ print change, $2 }'; } # VERB

block_batch() {
    for one in 4 6 6net; do
        ! batch_has "$one" || is_enabled "$one" || fail 69 "$complaint"
    done
    make_rules
    commands add | ask_ipfw -q /dev/stdin
}

release_batch() { commands delete | take_out /dev/stdin; }

present_batch() {
    for one in 4 6 6net; do
        ! batch_has "$one" || { list_blocked "$one" && print_missing "$one" "$answer"; }
    done
}

require ipfw "a FreeBSD that has it"
respond "$@"
