# shellcheck shell=sh
# settings.sh - for scripts that have a file of settings in the home's etc; they source it after lib.sh.
#
# A line of it is `NAME = VALUE`; what begins with # is a comment. Values are texts and never read as code.

SETTINGS=${AR_HOME:-/var/ossec}/etc/${SCRIPT%.sh}.conf

# Set $value to what the file says of NAME, the last time that it does, else to DEFAULT.
read_setting() { # NAME DEFAULT
    value=$2
    [ -e "$SETTINGS" ] || return 0
    found=$(awk -v name="$1" '
        { split($0, parts, /[ \t]*=[ \t]*/); sub(/^[ \t]+/, "", parts[1]) }
        parts[1] == name && sub(/^[^=]*=[ \t]*/, "") { sub(/[ \t\r]+$/, ""); found = $0 }
        END { print found }' "$SETTINGS") || fail 78 "cannot read $SETTINGS"
    [ -z "$found" ] || value=$found
}

need_setting() { # NAME EXAMPLE
    read_setting "$1" ''
    [ -n "$value" ] || fail 78 "$SETTINGS: expected a line '$1 = $2'"
}
