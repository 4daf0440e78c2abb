#!/bin/sh
# Does nothing but check its arguments and say so: for trials of a configuration.
# usage: null.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
set -eu
. "${0%/*}/lib.sh"

report() {
    read_arguments "$@"
    printf '%s: %s %s %s for %s s\n' "$SCRIPT" "$action" "$user" "$address" "$timeout_s"
}

report "$@"
