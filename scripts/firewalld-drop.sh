#!/bin/sh
# Drops packets of an address, or of an IPv6 prefix, with a rich rule of firewalld in each zone that is active.
# usage: firewalld-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: timeout present
#
# The rule has the block's time and 5 s more, so that firewalld ends the block even if the agent never comes back. It is
# of the running firewall only: `firewall-cmd --reload` drops it, the agent then finds it missing and puts it back. Its
# priority comes before all others, and tells it from the administrator's own, which stay as they are. firewalld lets
# the packets of established connections in before it looks at any rule: they are not cut.
set -eu
. "${0%/*}/lib.sh"

# A rule that is there keeps its time when it is added again. So there are two priorities, in turn: the rule with the
# new time is put in, and then the old one is taken out. No gap is seen.
FIRST=-32768
SECOND=-32767

spell() { # PRIORITY ADDRESS FAMILY: set $rule, in the words in which firewalld lists it
    [ "$3" = 4 ] && rule=ipv4 || rule=ipv6
    rule="rule priority=\"$1\" family=\"$rule\" source address=\"$2\" drop"
}

ask() { # ARGUMENTS: set $answer
    answer=$(firewall-cmd "$@" 2>&1) || fail 69 "cannot ask firewalld: $answer"
}

# Set $rules to a line `ZONE RULE` for each rich rule, and $zones to the zones that matter: those that an interface or
# a source is bound to, and the default, which gets what is bound to none.
look() {
    need firewall-cmd firewalld
    ask --get-default-zone
    zones=$answer
    ask --list-all-zones
    rules=$(printf '%s\n' "$answer" | awk '/^[^ \t]/ { zone = $1 } sub(/^\t+rule /, "rule ") { print zone, $0 }')
    for zone in $(printf '%s\n' "$answer" | awk '/^[^ \t].*active/ { print $1 }'); do
        case " $zones " in
            *" $zone "*) ;;
            *) zones="$zones $zone" ;;
        esac
    done
}

has() { # ZONE PRIORITY ADDRESS FAMILY: whether the rule is there; set $rule to it
    spell "$2" "$3" "$4"
    case "
$rules
" in
        *"
$1 $rule
"*) ;;
        *) return 1 ;;
    esac
}

# The warning that a rule is there (or not) already comes when somebody else was faster; nothing is wrong then.
change() { # ZONE ARGUMENTS
    zone=$1
    shift
    answer=$(run firewall-cmd --zone="$zone" "$@" 2>&1) || {
        status=$?
        printf '%s\n' "$answer" >&2
        return "$status"
    }
}

take_out() { # ZONE PRIORITY ADDRESS FAMILY
    ! has "$@" || change "$1" --remove-rich-rule="$rule"
}

block() {
    lock firewalld
    look
    for zone in $zones; do
        new=$FIRST old=$SECOND
        ! has "$zone" "$FIRST" "$@" || new=$SECOND old=$FIRST
        take_out "$zone" "$new" "$@" || return # both are there only after a run that was killed
        spell "$new" "$@"
        change "$zone" --add-rich-rule="$rule" --timeout="$expiry_s" || return
        take_out "$zone" "$old" "$@" || return
    done
}

release() { # in every zone, since the block may have begun when another one was active
    lock firewalld
    look
    for zone in $(printf '%s\n' "$rules" | awk '!seen[$1]++ { print $1 }'); do
        take_out "$zone" "$FIRST" "$@" || return
        take_out "$zone" "$SECOND" "$@" || return
    done
}

present() {
    look
    for zone in $zones; do
        has "$zone" "$FIRST" "$@" || has "$zone" "$SECOND" "$@" || return 1
    done
}

respond "$@"
