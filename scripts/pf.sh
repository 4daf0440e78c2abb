#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with the table ossec_fwtable of pf.
# usage: pf.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch present
#
# For FreeBSD, OpenBSD and macOS. The table and the rules that look at it are the administrator's: they stand in
# pf.conf, which is never changed from here. Where they are missing, `add` fails and says which lines to write.
# pf asks no rule about a connection that it has a state for, so the states of the address are killed, those that it
# began and those that lead to it. Elements of tables do not expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

TABLE=ossec_fwtable
ADVICE="write these lines into pf.conf, the first above all rules and the others before any that passes something:
table <$TABLE> persist
block in quick from <$TABLE> to any
block out quick from any to <$TABLE>
and load it: pfctl -f /etc/pf.conf"

# Set $answer. Some say at each run, on stderr, that there is no ALTQ; so that is shown only when something failed.
ask_pf() { answer=$(pfctl "$@" 2>&1) || fail 69 "pfctl failed with status $?: $answer"; }

# Whether what is in the table is blocked; $complaint is why it is not. With -v the flags of a table stand before
# it: r, a rule refers to it; h, one in an anchor does.
is_enforced() {
    ask_pf -s info
    complaint="pf is not enabled: type pfctl -e"
    case $answer in *'Status: Enabled'*) ;; *) return 1 ;; esac
    ask_pf -v -s Tables
    case $(printf '%s\n' "$answer" | awk -v table="$TABLE" 'NF == 2 && $2 == table { print $1 }') in
        *[rh]*) return ;;
        '') complaint="pf has no table $TABLE: $ADVICE" ;;
        *) complaint="no rule of pf refers to the table $TABLE: $ADVICE" ;;
    esac
    return 1
}

kill_states() { # ADDRESS FAMILY
    [ "$2" = 4 ] && anywhere=0.0.0.0/0 || anywhere=::/0
    ask_pf -q -k "$1"
    ask_pf -q -k "$anywhere" -k "$1"
}

block() {
    is_enforced || fail 69 "$complaint"
    ask_pf -q -t "$TABLE" -T add "$1"
    kill_states "$@"
}

take_out() { # ADDRESS, or -f - for those on standard input
    answer=$(pfctl -q -t "$TABLE" -T delete "$@" 2>&1) || case $answer in
        *'able does not exist'*) ;; # nor does the block
        *) fail 69 "pfctl failed with status $?: $answer" ;;
    esac
}

release() { take_out "$1"; }

present() {
    is_enforced || return 1
    if [ "$2" = 6net ]; then is_listed "$1"; else is_matched "$1"; fi
}

is_matched() { # ADDRESS
    answer=$(pfctl -q -t "$TABLE" -T test "$1" 2>&1) || {
        status=$?
        [ "$status" -eq 2 ] || fail 69 "pfctl failed with status $status: $answer"
        return 1
    }
}

is_listed() { # PREFIX, which -T test does not take
    ask_pf -q -t "$TABLE" -T show
    printf '%s\n' "$answer" | awk -v prefix="$1" '
        BEGIN { sub("/128$", "", prefix) }
        $1 == prefix { found = 1 }
        END { exit !found }'
}

addresses() { printf '%s\n' "$batch" | awk '{ print $2 }'; }

block_batch() {
    is_enforced || fail 69 "$complaint"
    addresses | ask_pf -q -t "$TABLE" -T add -f -
    printf '%s\n' "$batch" | while read -r family address _; do kill_states "$address" "$family"; done
}

release_batch() { addresses | take_out -f -; }

present_batch() {
    if is_enforced; then ask_pf -q -t "$TABLE" -T show; else answer=; fi
    print_missing "4 6 6net" "$answer"
}

require pfctl "pf, which FreeBSD, OpenBSD and macOS have"
respond "$@"
