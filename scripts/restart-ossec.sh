#!/bin/sh
# Has the agent read its configuration, rules and lists anew; what is in force stays in force.
# usage: restart-ossec.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# The same as restart-agent.sh, by the name that OSSEC has for it.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/once.sh"
. "${0%/*}/agent.sh"

once() { reload_agent; }

respond_once "$@"
