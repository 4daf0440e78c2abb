#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with a rule in the chain OSSEC_AR of iptables or ip6tables.
# usage: iptables-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch present
#
# Rules of iptables do not expire: only the agent releases. Where ipset is, ipset-drop.sh is faster and expires.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"
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

rules_of() { # FAMILY: set $rules to what the chain holds, nothing when it is not there
    rules=
    chain_exists "$1" || return 0
    rules=$("$tables" -w -S OSSEC_AR 2>&1) || fail 69 "cannot ask $tables: $rules"
}

# Let iptables-restore do it for all addresses of the batch that are (delete) or are not (add) in the chain; a rule
# that is there twice is deleted twice.
restore() { # FAMILIES LETTER
    commands=$(printf '%s\n' "$rules" BATCH "$batch" | awk -v families=" $1 " -v letter="$2" '
        $0 == "BATCH" { in_batch = 1; next }
        !in_batch { if ($3 == "-s") { sub(/\/(32|128)$/, "", $4); here[$4]++ }; next }
        index(families, " " $1 " ") {
            single = $2
            sub(/\/128$/, "", single)
            times = letter == "A" ? !here[single] : here[single]
            for (i = 0; i < times; i++) print "-" letter " OSSEC_AR -s " $2 " -j DROP"
        }')
    [ -z "$commands" ] || run "$tables-restore" -w --noflush <<END
*filter
$commands
COMMIT
END
}

for_tables() { # FUNCTION: call it with each table's main family, and with all that are in the batch
    ! batch_has 4 || "$1" 4 4
    ! { batch_has 6 || batch_has 6net; } || "$1" 6 "6 6net"
}

block_all() {
    make_chain "$1"
    rules_of "$1"
    restore "$2" A
}

release_all() {
    rules_of "$1"
    restore "$2" D
}

find_missing() {
    rules_of "$1"
    chain_is_used "$1" || rules=
    print_missing "$2" "$rules"
}

block_batch() { for_tables block_all; }
release_batch() { for_tables release_all; }
present_batch() { for_tables find_missing; }

respond "$@"
