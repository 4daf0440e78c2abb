#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with the table ossec_fwtable of npf (NetBSD).
# usage: npf.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# The table and the rules that look at it are the administrator's: they stand in npf.conf, which is never changed from
# here. Where they are missing, `add` fails and says which lines to write. npf asks no rule about a connection that a
# `stateful` rule began, and cannot forget a single one: what is established goes on until it ends. Elements do not
# expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"

TABLE=ossec_fwtable
ADVICE="write these lines into npf.conf, the first above all groups and the others first thing in each group:
table <$TABLE> type lpm
block in final from <$TABLE>
block out final to <$TABLE>
and load it: npfctl reload"

# Whether what is in the table is blocked; $complaint is why it is not.
is_enforced() {
    answer=$(npfctl show 2>&1) || fail 69 "npfctl failed with status $?: $answer"
    complaint=$(printf '%s\n' "$answer" | awk -v table="<$TABLE>" '
        $1 == "#" && $2 == "filtering:" && $3 == "active" { active = 1 }
        $1 == "table" && $2 == table { known = 1 }
        $1 == "block" && index($0, table) { used = 1 }
        END {
            if (!active) print "npf is not active: type npfctl start"
            else if (!known) print "npf has no table " table
            else if (!used) print "no rule of npf refers to the table " table
        }') || exit
    [ -z "$complaint" ]
}

# Do something to the table. $answer is what npfctl said when it failed and that is one of the answers to expect.
change() { # VERB ADDRESS EXPECTED
    answer=$(npfctl table "$TABLE" "$1" "$2" 2>&1) && return
    status=$?
    case $answer in *"$3"*) return 1 ;; esac
    fail 69 "npfctl failed with status $status: $answer"
}

block() {
    is_enforced || case $complaint in
        npf\ is*) fail 69 "$complaint" ;;
        *) fail 69 "$complaint: $ADVICE" ;;
    esac
    change add "$1" 'already exists' || is_there "$1" ||
        fail 69 "npf says that $1 conflicts with what is in the table already"
}

is_there() { change test "$1" 'not found'; }

# What npf takes for a wrong address may be a table that is not there, and that holds no block.
release() {
    answer=$(npfctl show 2>&1) || fail 69 "npfctl failed with status $?: $answer"
    case $answer in *"table <$TABLE>"*) change rem "$1" 'not found' || return 0 ;; esac
}

present() { is_enforced && is_there "$1"; }

require npfctl "npf, which NetBSD has"
respond "$@"
