#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with two rules of IP Filter (FreeBSD, NetBSD, illumos).
# usage: ipfilter.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch present
#
# One rule for each direction, both `quick` and above all others. IP Filter asks no rule about a connection that one
# with `keep state` began, and can forget such connections only all at once: what is established goes on until it
# ends. Rules do not expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

is_enabled() {
    answer=$(ipf -V 2>&1) || fail 69 "ipf failed with status $?: $answer"
    case $answer in *'Running: yes'*) ;; *) return 1 ;; esac
}

look_at_rules() { shown=$(ipfstat ${six:+"$six"} -io 2>&1) || fail 69 "ipfstat failed with status $?: $shown"; }

# Print the rules of these families that are still to be made (add) or deleted (delete), as ipf reads them: it takes
# none that is there already, or is not there. In what is shown single addresses may have their length, and rules
# their family.
rules_to() { # ACTION FAMILIES
    printf '%s\n' "$shown" BATCH "$batch" | awk -v action="$1" -v families=" $2 " '
        function settle(before, address, after,    rule) {
            rule = before address after
            sub(/\/128/, "", rule)
            if (action == "add" && !(rule in here)) print "@1 " before address after
            if (action == "delete" && rule in here) print before address after
        }
        $0 == "BATCH" { in_batch = 1; next }
        !in_batch { gsub(/ (family )?inet6?|\/32|\/128/, ""); gsub(/ +$/, ""); here[$0] = 1; next }
        index(families, " " $1 " ") {
            settle("block in quick from ", $2, " to any")
            settle("block out quick from any to ", $2, "")
        }'
}

load() { # RULES [OPTION]: have ipf read them
    [ -n "$1" ] || return 0
    answer=$(printf '%s\n' "$1" | ipf ${six:+"$six"} ${2:+"$2"} -f - 2>&1) ||
        fail 69 "ipf failed with status $?: $answer"
}

# Call a function for each version of the protocol that is in the batch, with its families. $six is the option by
# which ipf and ipfstat tell them apart.
by_version() { # FUNCTION
    six=
    ! batch_has 4 || "$1" 4
    six=-6
    ! { batch_has 6 || batch_has 6net; } || "$1" "6 6net"
}

make_rules() {
    look_at_rules
    rules=$(rules_to add "$1")
    load "$rules"
}

delete_rules() {
    look_at_rules
    rules=$(rules_to delete "$1")
    load "$rules" -r
}

find_missing() {
    look_at_rules
    is_enabled || shown=
    rules_to add "$1" | awk '{ address = $6 == "any" ? $8 : $6 } !seen[address]++ { print "missing", address }'
}

block_batch() {
    is_enabled || fail 69 "IP Filter is not enabled: type ipf -E"
    lock ipfilter
    by_version make_rules
}

release_batch() {
    lock ipfilter
    by_version delete_rules
}

present_batch() { by_version find_missing; }

# One address is a batch of one.
block() {
    batch="$2 $1 0"
    block_batch
}

release() {
    batch="$2 $1 0"
    release_batch
}

present() {
    batch="$2 $1 0"
    missing=$(present_batch) || exit
    [ -z "$missing" ]
}

require ipf "IP Filter, which FreeBSD, NetBSD and illumos have"
respond "$@"
