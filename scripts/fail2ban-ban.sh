#!/bin/sh
# Has fail2ban ban an address, or an IPv6 prefix, in one of its jails.
# usage: fail2ban-ban.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# What a ban does is the jail's affair, and so is how long it lasts at most: `bantime = -1` leaves the end to the agent.
# etc/fail2ban-ban.conf in the home names the jail; without the file it is ar-agent:
#     jail = ar-agent
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/settings.sh"

choose_jail() { # set $jail
    need fail2ban-client fail2ban
    read_setting jail ar-agent
    jail=$value
    case $jail in
        -* | *[!A-Za-z0-9_.-]*) fail 78 "$SETTINGS: jail is no name of a jail" ;;
    esac
}

present() {
    choose_jail
    answer=$(fail2ban-client status "$jail" 2>&1) || fail 69 "cannot ask fail2ban for the jail $jail: $answer"
    banned=$(printf '%s\n' "$answer" | sed -n 's/.*Banned IP list:[[:blank:]]*//p')
    case " $banned " in
        *" $1 "*) ;;
        *) return 1 ;;
    esac
}

block() { present "$@" || run fail2ban-client set "$jail" banip "$1" >/dev/null; }
release() { ! present "$@" || run fail2ban-client set "$jail" unbanip "$1" >/dev/null; }

respond "$@"
