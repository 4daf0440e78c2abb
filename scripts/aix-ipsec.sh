#!/bin/sh
# Drops all packets from an address, or from an IPv6 prefix, with a deny rule of AIX's IP Security filters.
# usage: aix-ipsec.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# The rules are told by their description and stand before the administrator's. What genfilt writes into the table of
# rules takes effect with mkfilt. rmfilt numbers the rules anew, so each number is asked for just before it is used,
# under a lock. Rules do not expire, and outlive a reboot: only the agent releases.
set -eu
. "${0%/*}/lib.sh"

OURS='blocked by ar-agent'

tell() { # PROGRAM ARGUMENTS: set $answer to what it says
    program=$1
    answer=$("$@" 2>&1) || fail 69 "$program failed with status $?: $answer"
}

# Set what the programs are told: $version, $mask of the subject, and what stands for any address. IPv6 has lengths.
spell() { # ADDRESS FAMILY
    version=6 subject=${1%/*} mask=128 any=:: any_mask=0
    case $2 in
        4) version=4 mask=255.255.255.255 any=0.0.0.0 any_mask=0.0.0.0 ;;
        6net) mask=${1#*/} ;;
    esac
}

# Set $number to that of our rule, to nothing if there is none; and $first to that of the first rule that one may
# put another before: in IPv4 rule 1 is the system's own.
find_rule() {
    tell lsfilt -v "$version" -O
    number=$(printf '%s\n' "$answer" | awk -F '|' -v subject="$subject" -v mask="$mask" -v ours="$OURS" '
        $2 == "deny" && $3 == subject && $4 == mask && $NF == ours { print $1; exit }')
    first=$(printf '%s\n' "$answer" | awk -F '|' -v least="$((version == 4 ? 2 : 1))" '
        $1 ~ /^[0-9]+$/ && $1 >= least && (!found || $1 < found) { found = $1 }
        END { print found }')
}

block() {
    spell "$@"
    lock aix-ipsec
    find_rule
    [ -n "$number" ] || tell genfilt -v "$version" ${first:+-n "$first"} -a D -s "$subject" -m "$mask" \
        -d "$any" -M "$any_mask" -c all -r B -w B -i all -D "$OURS"
    tell mkfilt -v "$version" -u
}

release() {
    spell "$@"
    lock aix-ipsec
    find_rule
    while [ -n "$number" ]; do
        tell rmfilt -v "$version" -n "$number"
        find_rule
    done
    ! is_in_force || tell mkfilt -v "$version" -u
}

present() {
    spell "$@"
    is_in_force
}

is_in_force() { # among the rules that lsfilt shows with -a, and not only written
    tell lsfilt -v "$version" -a -O
    printf '%s\n' "$answer" | awk -F '|' -v subject="$subject" -v mask="$mask" -v ours="$OURS" '
        $2 == "deny" && $3 == subject && $4 == mask && $NF == ours { found = 1 }
        END { exit !found }'
}

require genfilt "bos.net.ipsec.rte"
respond "$@"
