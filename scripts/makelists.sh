#!/bin/sh
# Builds the .cdb of each list whose text has changed, and has the agent read them.
# usage: makelists.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# It is `ar-agent make-lists`, for which the executable, or a link to it, must be in one of the folders of PATH. A list
# with mistakes keeps its old .cdb; the others are built.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/once.sh"
. "${0%/*}/agent.sh"

# The executable unpacks itself: not into /tmp, where that may run no programs, if the service has a better place.
[ ! -w /var/cache/ar-agent ] || export TMPDIR="${TMPDIR:-/var/cache/ar-agent}"

once() {
    need ar-agent 'its executable, or a link to it, in /usr/local/sbin'
    status=0
    made=$(ar-agent make-lists --home "$HOME_DIR") || status=$?
    printf '%s\n' "$made"
    case $made in
        *'.cdb: built, '*) reload_agent ;;
    esac
    return "$status"
}

respond_once "$@"
