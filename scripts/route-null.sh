#!/bin/sh
# Sends what this host would answer an address, or an IPv6 prefix, into a black hole, by a route.
# usage: route-null.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# Packets still come in, but no answer goes out, so no connection comes about or goes on. On Linux the route has
# metric 1, by which it is told from the administrator's own, which stay as they are; elsewhere it leads to the
# loopback address with the flag -blackhole. Routes do not expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"

version() { [ "$1" = 4 ] && v=4 || v=6; } # FAMILY: set $v as `ip` has it

linux_block() {
    version "$2"
    run ip "-$v" route replace blackhole "$1" metric 1
}

linux_release() {
    linux_present "$@" || return 0
    run ip "-$v" route del blackhole "$1" metric 1
}

linux_present() {
    version "$2"
    answer=$(ip "-$v" route show exact "$1" 2>&1) || fail 69 "cannot ask ip: $answer"
    case $answer in
        blackhole*'metric 1 '* | *'
blackhole'*'metric 1 '*) ;;
        *) return 1 ;;
    esac
}

bsd_target() { # FAMILY: set $kind and $loopback as route(8) has them
    case $1 in
        4) kind=-host loopback=127.0.0.1 ;;
        6) kind='-inet6 -host' loopback=::1 ;;
        6net) kind='-inet6 -net' loopback=::1 ;;
    esac
}

bsd_block() {
    bsd_present "$@" && return
    # shellcheck disable=SC2086 # $kind is one or two words, from the table above
    run route -q -n add $kind "$1" "$loopback" -blackhole
}

bsd_release() {
    bsd_present "$@" || return 0
    # shellcheck disable=SC2086 # as above
    run route -q -n delete $kind "$1"
}

bsd_present() { # the route that is used for the address may be a wider one, so its own address is compared
    bsd_target "$2"
    # shellcheck disable=SC2086 # as above
    answer=$(route -n get $kind "$1" 2>&1) || case $answer in
        *'not in table'* | *'has not been found'* | *'No such process'*) return 1 ;;
        *) fail 69 "cannot ask route: $answer" ;;
    esac
    case $answer in
        *"destination: ${1%/*}
"*BLACKHOLE*) ;;
        *) return 1 ;;
    esac
}

if [ "$(uname)" = Linux ]; then system=linux; else system=bsd; fi
block() { "${system}_block" "$@"; }
release() { "${system}_release" "$@"; }
present() { "${system}_present" "$@"; }

[ "$system" = bsd ] || require ip iproute2
respond "$@"
