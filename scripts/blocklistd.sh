#!/bin/sh
# Blocks an address, or an IPv6 prefix, by the helper with which blocklistd talks to the packet filter of the host.
# usage: blocklistd.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# The helper (blocklistd(8); on older systems blacklistd-helper) chooses among npf, pf, ipf and ipfw as it does for
# blocklistd, which need not run. It is called as
#     blocklistd-helper add|rem NAME PROTOCOL ADDRESS MASK PORT ID
# with the name blocklistd (or blacklistd), for whose rules npf.conf or pf.conf must have a place, and without protocol
# and port: all are meant. It answers `OK ID`. The id, by which a rule is taken out again, stands in var/blocklistd of
# the home. Nobody can ask the helper what is in force, so there is no `present`. Nothing expires by itself.
set -eu
. "${0%/*}/lib.sh"

RULES=${AR_HOME:-/var/ossec}/var/blocklistd

find_helper() { # set $helper and $name
    for helper in /libexec/blocklistd-helper /usr/libexec/blocklistd-helper \
        /libexec/blacklistd-helper /usr/libexec/blacklistd-helper; do
        name=${helper##*/}
        name=${name%-helper}
        [ ! -x "$helper" ] || return 0
    done
    fail 69 'there is no blocklistd-helper here: it comes with NetBSD and FreeBSD'
}

spell() { # ADDRESS FAMILY: set $host, $mask and $record
    host=${1%/*} record=$RULES/$1
    case $2 in
        4) mask=32 ;;
        6) mask=128 ;;
        6net) mask=${1#*/} record=$RULES/${host}_$mask ;;
    esac
}

# Put in anew what is there already: a reboot leaves the record and not the rule. That the old one cannot be taken out
# then is no trouble.
block() {
    lock blocklistd
    find_helper
    spell "$@"
    [ ! -e "$record" ] || take_out >/dev/null 2>&1 || :
    answer=$("$helper" add "$name" '' "$host" "$mask" '' '' 2>&1) || fail 69 "$helper cannot block: $answer"
    case $answer in
        OK*) ;;
        *) fail 69 "$helper does not say that it has blocked: $answer" ;;
    esac
    id=${answer#OK}
    keep "${id# }" || {
        "$helper" rem "$name" '' "$host" "$mask" '' "${id# }"
        fail 73 "cannot write to $RULES"
    }
}

keep() { # ID
    mkdir -p "$RULES" && printf '%s\n' "$1" >"$record.new" && mv -f "$record.new" "$record"
}

take_out() {
    id=$(cat "$record") && run "$helper" rem "$name" '' "$host" "$mask" '' "$id"
}

release() {
    lock blocklistd
    spell "$@"
    [ -e "$record" ] || return 0
    find_helper
    take_out >/dev/null && rm -f "$record"
}

present() { fail 69 'the helper of blocklistd cannot be asked what is in force'; }

respond "$@"
