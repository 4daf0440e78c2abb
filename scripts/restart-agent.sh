#!/bin/sh
# Has the agent read its configuration, rules and lists anew; what is in force stays in force.
# usage: restart-agent.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# The process stays the same, so nothing is missed meanwhile, and with mistakes in it the old configuration goes on.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/once.sh"
. "${0%/*}/agent.sh"

once() { reload_agent; }

respond_once "$@"
