# shellcheck shell=sh
# lib.sh - what all response scripts share; a script sources it, nobody runs it.
#
# A script defines block, release and present, each called as `block ADDRESS FAMILY`, and ends with
# `respond "$@"`. FAMILY is 4, 6 or 6net (an IPv6 prefix such as 2001:db8::/64). block and release are
# idempotent; their exit status is the script's, and 0 means in force or gone. present returns 0 when the block
# is in force and 1 when it is not; any other trouble ends in `fail`. Set for all of them: $action, $user,
# $address, $family, $timeout_s (0: for good) and $expiry_s (what a firewall that expires blocks itself is given).
# A script that can do it for many addresses in one run sources batch.sh as well.

# shellcheck disable=SC2034 # the scripts use what is set here

LC_ALL=C # messages that are compared and character ranges mean the same everywhere
export LC_ALL

SCRIPT=${0##*/}
USAGE="usage: $SCRIPT add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]"
# The agent releases on time. The firewall's own expiry is for the day when the agent is gone, so it comes later.
EXPIRY_MARGIN_S=5

say() { printf '%s: %s\n' "$SCRIPT" "$*" >&2; }

fail() { # STATUS MESSAGE: end with a status of sysexits.h (64 usage, 69 unavailable, 73 cannot create)
    say "$2"
    exit "$1"
}

# What is refused is never repeated in the message: it may be hostile, and the message goes into a log.
refuse() { fail 64 "$1
$USAGE"; }

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || fail 69 "there is no $1 here: install $2"
}

# Have `respond` look for a program, once it has checked the arguments: what is hostile is refused on any host.
required='' package=''
require() { required=$1 package=$2; } # PROGRAM PACKAGE
look_for_required() { [ -z "$required" ] || need "$required" "$package"; }

# Run a command whose own messages reach the agent's log as they are, and say so when it fails.
run() {
    "$@" || {
        status=$?
        say "$1 failed with status $status: $action $address"
        return "$status"
    }
}

is_ipv4() { # canonical: four numbers of 0-255 without leading zeros
    case $1 in
        *[!0-9.]* | *.*.*.*.*) return 1 ;;
        *.*.*.*) ;;
        *) return 1 ;;
    esac
    rest=$1.
    while [ -n "$rest" ]; do
        case ${rest%%.*} in
            [0-9] | [1-9][0-9] | 1[0-9][0-9] | 2[0-4][0-9] | 25[0-5]) rest=${rest#*.} ;;
            *) return 1 ;;
        esac
    done
}

is_ipv6() { # as RFC 5952 writes it: lower case, no leading zeros, one :: that stands for two groups or more
    case $1 in
        *[!0-9a-f:]* | *:::* | *::*::* | :[!:]* | *[!:]: | '' | :) return 1 ;;
    esac
    rest=$1: groups=0
    while [ -n "$rest" ]; do
        case ${rest%%:*} in
            '') ;;
            0 | [1-9a-f] | [1-9a-f][0-9a-f] | [1-9a-f][0-9a-f][0-9a-f] | [1-9a-f][0-9a-f][0-9a-f][0-9a-f])
                groups=$((groups + 1)) ;;
            *) return 1 ;;
        esac
        rest=${rest#*:}
    done
    case $1 in
        *::*) [ "$groups" -le 6 ] ;;
        *) [ "$groups" -eq 8 ] ;;
    esac
}

is_ipv6_prefix() { # ADDRESS/1 to ADDRESS/128
    case ${1#*/} in
        [1-9] | [1-9][0-9] | 1[01][0-9] | 12[0-8]) is_ipv6 "${1%%/*}" ;;
        *) return 1 ;;
    esac
}

# Set $family for the address $1, or refuse it. Nothing is forked: the agent waits for this in an attack.
read_family() {
    [ "${#1}" -le 43 ] || refuse "SRCIP is too long to be an address"
    family=
    case $1 in
        */*) ! is_ipv6_prefix "$1" || family=6net ;;
        *:*) ! is_ipv6 "$1" || family=6 ;;
        *) ! is_ipv4 "$1" || family=4 ;;
    esac
    [ -n "$family" ] || refuse "SRCIP is not a canonical IPv4 or IPv6 address, nor an IPv6 prefix"
    case $1 in
        0.* | 127.* | 22[4-9].* | 23[0-9].* | 255.255.255.255 | :: | ::/* | ::1 | ::1/* | ff[0-9a-f][0-9a-f]:*)
            refuse "SRCIP is an unspecified, loopback, multicast or broadcast address" ;;
        ::ffff:*:*) refuse "SRCIP is an IPv4 address written as IPv6: expected plain IPv4" ;;
    esac
}

# Set $action, $user, $address, $family and the times from the arguments; `-` stands for no user and no address.
# ALERTID, RULEID, LOCATION and FILENAME are used by no script here, and so may be anything.
read_arguments() {
    [ $# -ge 3 ] || refuse "too few arguments"
    action=$1 user=$2 address=$3 family=-
    case $action in
        add | delete | present) ;;
        *) refuse "the first argument is no action" ;;
    esac
    case $user in
        -) ;;
        '' | -* | *[!A-Za-z0-9_.@?-]*) refuse "USER is not a user name that is safe to use" ;;
    esac
    [ "${#user}" -le 64 ] || refuse "USER is too long to be a user name"
    [ "$address" = - ] || read_family "$address"
    timeout_s=${AR_TIMEOUT:-0}
    case $timeout_s in
        0) expiry_s=0 ;;
        0* | *[!0-9]* | ??????????*) refuse "AR_TIMEOUT is not a number of seconds below 1000000000" ;;
        *) expiry_s=$((timeout_s + EXPIRY_MARGIN_S)) ;;
    esac
}

# Hold the lock NAME, one for this machine, until the script ends. Its file is root's alone, since who can open it
# can hold it. flock lets go by itself however the script ends. Where there is no flock the file names its owner,
# and the lock of an owner that is gone is taken away; the pause after that keeps two from taking it away in turn.
lock() {
    lock=${AR_RUN:-/var/run}/ar-agent-$1.lock
    umask 077
    if command -v flock >/dev/null; then
        exec 9>>"$lock"
        run flock 9
    else
        trap 'rm -f "$lock.$$"' EXIT
        printf '%s\n' "$$" >"$lock.$$"
        tries=0
        until ln "$lock.$$" "$lock" 2>/dev/null; do # it would only say that another one has it
            tries=$((tries + 1))
            [ "$tries" -le 25 ] || fail 75 "$lock is held by process ${owner:-unknown} and not let go"
            owner=
            ! read -r owner <"$lock" || kill -0 "$owner" || rm -f "$lock"
            sleep 1
        done
        trap 'rm -f "$lock" "$lock.$$"' EXIT
    fi
    umask 022
}

respond() {
    if [ "${2-}" = --batch ] && command -v respond_to_batch >/dev/null; then
        respond_to_batch "$@"
        return
    fi
    read_arguments "$@"
    [ "$address" != - ] || refuse "SRCIP is missing: this script blocks addresses"
    look_for_required
    case $action in
        add) block "$address" "$family" ;;
        delete) release "$address" "$family" ;;
        present) present "$address" "$family" ;;
    esac
}
