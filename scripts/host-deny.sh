#!/bin/sh
# Denies an address, or an IPv6 prefix, all services that ask tcp_wrappers, with a line in hosts.deny or hosts.allow.
# usage: host-deny.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# Its lines stand between two comments at the end of /etc/hosts.deny; all other lines stay as they are. FreeBSD has all
# in /etc/hosts.allow, where the first line that matches decides, and the stock file begins with one that allows all: so
# there they stand at the beginning, and end in `: deny`. The file is replaced in one step, with its owner and mode, and
# where it is a symbolic link, the file it leads to is replaced. AR_HOSTS_DENY names another file, for trials by hand;
# the agent hands scripts no variables but its own.
set -eu
. "${0%/*}/lib.sh"

FIRST='# ar-agent: the lines up to its end are made and removed by the agent'
LAST='# ar-agent: end'

case $(uname) in
    FreeBSD | DragonFly) usual=/etc/hosts.allow verdict=' : deny' place=first ;;
    *) usual=/etc/hosts.deny verdict='' place=last ;;
esac

find_file() { # set $file to what the links lead to in the end
    file=${AR_HOSTS_DENY:-$usual} hops=0
    while [ -L "$file" ]; do
        hops=$((hops + 1))
        [ "$hops" -le 8 ] || fail 73 "the links of ${AR_HOSTS_DENY:-$usual} lead nowhere"
        link=$(readlink "$file")
        case $link in
            /*) file=$link ;;
            *) file=${file%/*}/$link ;;
        esac
    done
}

spell() { # ADDRESS FAMILY: set $line as hosts_access(5) wants it
    case $2 in
        4) line="ALL: $1" ;;
        6) line="ALL: [$1]" ;;
        6net) line="ALL: [${1%/*}]/${1#*/}" ;;
    esac
    line=$line$verdict
}

present() {
    find_file
    spell "$@"
    [ -e "$file" ] || return 1
    awk -v first="$FIRST" -v last="$LAST" -v line="$line" '
        $0 == first { ours = 1 }
        $0 == last { ours = 0 }
        ours && $0 == line { found = 1 }
        END { exit found ? 0 : 1 }' "$file" || {
        [ $? -eq 1 ] || fail 73 "cannot read $file"
        return 1
    }
}

# Print the file with $line added to our lines or deleted from them, and an x that keeps the last line ends.
changed() {
    awk -v first="$FIRST" -v last="$LAST" -v line="$line" -v action="$action" -v place="$place" '
        function print_ours(    number) {
            if (action == "add") kept[++count] = line
            if (count) print first
            for (number = 1; number <= count; number++) print kept[number]
            if (count) print last
        }
        $0 == first { ours = 1; next }
        $0 == last { ours = 0; next }
        ours { if ($0 != line) kept[++count] = $0; next }
        { others[++total] = $0 }
        END {
            if (place == "first") print_ours()
            for (number = 1; number <= total; number++) print others[number]
            if (place == "last") print_ours()
            printf "x"
        }' "$1"
}

# Write beside the file and rename: whoever reads sees the old file or the new one. The text is whole before it is
# written, and the shell's own printf tells when it was not written whole (some awks do not).
replace_file() {
    new=$file.ar-new
    rm -f "$new"
    if [ -e "$file" ]; then
        text=$(changed "$file") && cp -p "$file" "$new" || return
    else
        text=$(changed /dev/null) || return
    fi
    printf '%s' "${text%x}" >"$new" && mv -f "$new" "$file"
}

rewrite() {
    replace_file || {
        status=$?
        rm -f "$new"
        fail 73 "cannot replace $file (status $status)"
    }
}

block() {
    lock hosts-deny
    present "$@" || rewrite
}

release() {
    lock hosts-deny
    ! present "$@" || rewrite
}

respond "$@"
