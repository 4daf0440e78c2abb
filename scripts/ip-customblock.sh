#!/bin/sh
# Keeps a file for each address that is blocked, named like it: a template for a response of your own.
# usage: ip-customblock.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: present
#
# Copy it under another name, say what it does in its first comment, and change what the three functions do. As it is,
# the files are in var/ipblock of the home; the / of an IPv6 prefix is written as _.
set -eu
. "${0%/*}/lib.sh"

FOLDER=${AR_HOME:-/var/ossec}/var/ipblock

# Each is called with ADDRESS and FAMILY (4, 6, or 6net for a prefix), both checked. $timeout_s is how long it is for,
# 0 for good. The status is a promise: 0 only if the block is in force (block) or gone (release), as it was or by now.
block() {
    { mkdir -p "$FOLDER" && : >"$(file_of "$1")"; } || fail 73 "cannot write to $FOLDER"
}

release() {
    rm -f "$(file_of "$1")" || fail 73 "cannot delete from $FOLDER"
}

present() { # 0: it is in force, 1: it is not; when it cannot be told, end with fail
    [ -e "$(file_of "$1")" ]
}

file_of() {
    case $1 in
        */*) printf '%s' "$FOLDER/${1%/*}_${1#*/}" ;;
        *) printf '%s' "$FOLDER/$1" ;;
    esac
}

respond "$@"
