#!/bin/sh
# Shows on a real machine, as root, that an executable works there: it knows its rules, makes a home, finds no
# mistake in it, blocks an address in this machine's own firewall, and takes it out again. Then each script is asked
# itself for what it promises, with addresses of both families and a prefix. All are among those set aside for
# documentation, so nobody is cut off.
#
# Usage: acceptance.sh [AR-AGENT [SCRIPT...]]    default: dist/ar-agent and firewall-drop.sh; the agent runs the first
set -eu

agent=${1:-${0%/*}/../dist/ar-agent}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- firewall-drop.sh
script=$1
address=203.0.113.7
home=$(mktemp -d "${TMPDIR:-/tmp}/ar-acceptance.XXXXXX")
pid=""

clean_up() {
    status=$?
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then wait "$pid" || true; fi
    [ "$status" = 0 ] || tail -n 20 "$home/logs/ossec.log" "$home/output" 2>/dev/null || true
    rm -rf "$home"
}

step() { echo "acceptance: $*"; }

# Run a command each second until it succeeds, for at most 20.
within_20_s() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || { echo "acceptance: never came true: $*" >&2; exit 1; }
        sleep 1
    done
}

listed() { "$agent" list --home "$home" | grep -q "$address"; }
not_listed() { ! listed; }

# Ask the script itself whether the address is in force, where it can tell (0 yes, 1 no).
in_force() { AR_HOME=$home AR_TIMEOUT=600 "$home/active-response/bin/$script" present - "$address"; }
not_in_force() { ! in_force; }
can_tell() { grep -q '^# ar:.*present' "$home/active-response/bin/$script"; }

# Call a script of the home, and fail unless it ends with that status.
expect() { # STATUS SCRIPT ARGUMENTS
    wanted=$1 called=$home/active-response/bin/$2
    shift 2
    status=0
    AR_HOME=$home AR_TIMEOUT=600 "$called" "$@" </dev/null || status=$?
    [ "$status" = "$wanted" ] || { echo "acceptance: status $status, not $wanted: $called $*" >&2; exit 1; }
}

# What scripts/README.md says of every script: each action may come twice, and present tells what is in force.
try_script() { # SCRIPT
    expect 64 "$1" add - 'no address; id'
    for subject in "$address" 2001:db8:7::7 2001:db8:8::/64; do
        for action in delete add add; do expect 0 "$1" "$action" - "$subject"; done
        expect 0 "$1" present - "$subject"
        for action in delete delete; do expect 0 "$1" "$action" - "$subject"; done
        expect 1 "$1" present - "$subject"
    done
}

configure() {
    : >"$home/auth.log"
    cat >"$home/etc/ossec.conf" <<END
<ossec_config>
  <localfile><log_format>syslog</log_format><location>$home/auth.log</location></localfile>
  <command><name>drop</name><executable>$script</executable><expect>srcip</expect></command>
  <active-response>
    <command>drop</command><location>local</location><rules_id>5712</rules_id><timeout>600</timeout>
  </active-response>
</ossec_config>
END
}

trap clean_up EXIT
step "$("$agent" version) on $(uname -srm)"
"$agent" self-test
rmdir "$home"
"$agent" init --home "$home"
step "the configuration that init wrote"
"$agent" check --home "$home"

step "a home with $script"
configure
"$agent" check --home "$home"
"$agent" run --home "$home" >"$home/output" 2>&1 &
pid=$!
within_20_s grep -q "Started (pid" "$home/output"

step "block $address"
"$agent" block "$address" --command drop --for 10m --home "$home"
within_20_s listed
! can_tell || within_20_s in_force

step "unblock $address"
"$agent" unblock "$address" --home "$home"
within_20_s not_listed
! can_tell || within_20_s not_in_force

step "stop"
kill "$pid"
wait "$pid"
pid=""

for one in "$@"; do
    step "$one by itself"
    try_script "$one"
done
step "passed"
