#!/bin/sh
# Locks the account of a user of this host: nobody gets in by it, and what runs under it goes on.
# usage: disable-account.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# Only accounts of people: never root, none whose number the system keeps for itself, none without a login shell. How it
# was before stands in var/disabled-accounts of the home until it is so again: an account that the administrator had
# locked stays locked. Locks do not expire: only the agent releases.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/accounts.sh"

BEFORE=${AR_HOME:-/var/ossec}/var/disabled-accounts

look() { # status 1 when there is no such account
    choose_accounts
    "${system}_look" || {
        [ $? -eq 1 ] || fail 77 "cannot read the accounts of this host: expected root"
        return 1
    }
}

is_ours() { [ -f "$BEFORE/$user" ]; }

remember() {
    is_ours || {
        (umask 077 && mkdir -p "$BEFORE" && printf '%s %s\n' "$password_locked" "$expires" >"$BEFORE/.new") &&
            mv -f "$BEFORE/.new" "$BEFORE/$user"
    }
}

require_person() {
    { [ "$uid" -ge "$FIRST_UID" ] && [ "$uid" -le "$LAST_UID" ]; } ||
        fail 77 "not locked: the account is the system's own (number $uid)"
    case ${shell%-} in
        */nologin | */false | */sync | */shutdown | */halt) fail 77 "not locked: the account of a service" ;;
    esac
}

block() {
    lock accounts
    look || fail 67 "there is no such account on this host"
    require_person
    remember || fail 73 "cannot write to $BEFORE"
    [ "$locked" = yes ] || "${system}_lock"
}

release() {
    lock accounts
    is_ours || return 0
    if look; then
        read -r was_locked was_expires <"$BEFORE/$user" || fail 73 "cannot read $BEFORE/$user"
        "${system}_unlock" || return
    fi
    rm -f "$BEFORE/$user"
}

present() { is_ours && look && [ "$locked" = yes ]; }

respond_for_user() {
    read_arguments "$@"
    [ "$user" != - ] || refuse "USER is missing: this script locks accounts"
    case $action in
        add) block ;;
        delete) release ;;
        present) present ;;
    esac
}

respond_for_user "$@"
