#!/bin/sh
# Drops packets of an address, or of an IPv6 prefix, with a rich rule of firewalld in each zone that is active.
# usage: firewalld-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# The rule has the block's time and 5 s more, so that firewalld ends the block even if the agent never comes back. It is
# of the running firewall only: `firewall-cmd --reload` drops it, the agent then finds it missing and puts it back. Its
# priority comes before all others, and tells it from the administrator's own, which stay as they are. firewalld lets
# the packets of established connections in before it looks at any rule: they are not cut.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

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

# Put in the rules of the batch that are for SECONDS, and then take out those that they stand for. firewall-cmd takes
# many rules in one run, but one time for all of them.
put_in() { # ZONE SECONDS
    zone=$1 seconds=$2 outdated=
    set --
    while read -r kind subject expiry; do
        [ "$expiry" = "$seconds" ] || continue
        new=$FIRST old=$SECOND
        ! has "$zone" "$FIRST" "$subject" "$kind" || new=$SECOND old=$FIRST
        outdated="$outdated$old $subject $kind
"
        # Both are there only after a run that was killed.
        ! has "$zone" "$new" "$subject" "$kind" || change "$zone" --remove-rich-rule="$rule" || return
        set -- "$@" "--add-rich-rule=$rule"
    done <<END
$batch
END
    change "$zone" "$@" --timeout="$seconds" && take_out "$zone" "$outdated"
}

take_out() { # ZONE RULES: a line `PRIORITY ADDRESS FAMILY` for each; one that is not there is no trouble
    zone=$1 unwanted=$2
    set --
    while read -r priority subject kind; do
        [ -z "$subject" ] || ! has "$zone" "$priority" "$subject" "$kind" || set -- "$@" "--remove-rich-rule=$rule"
    done <<END
$unwanted
END
    [ $# -eq 0 ] || change "$zone" "$@"
}

block_batch() {
    lock firewalld
    look
    for zone in $zones; do
        for seconds in $(printf '%s\n' "$batch" | awk '!seen[$3]++ { print $3 }'); do
            put_in "$zone" "$seconds" || return
        done
    done
    is_one || {
        missing=$(present_batch) || return
        [ -z "$missing" ] || fail 69 "firewalld did not take all: $answer"
    }
}

# Of many rules some may be refused: firewall-cmd warns of that, and its status is 0. So it is asked afterwards.
is_one() {
    case $batch in
        *"
"*) return 1 ;;
    esac
}

release_batch() { # in every zone, since the block may have begun when another one was active
    lock firewalld
    look
    for zone in $(printf '%s\n' "$rules" | awk '!seen[$1]++ { print $1 }'); do
        take_out "$zone" "$(printf '%s\n' "$batch" | awk -v both="$FIRST $SECOND" '
            { for (i = split(both, priorities, " "); i > 0; i--) print priorities[i], $2, $1 }')" || return
    done
    is_one || require_gone "$answer"
}

require_gone() { # WHAT_FIREWALLD_SAID
    look
    while read -r kind subject expiry; do
        for zone in $(printf '%s\n' "$rules" | awk '!seen[$1]++ { print $1 }'); do
            ! in_zone || fail 69 "firewalld did not let go of all: $1"
        done
    done <<END
$batch
END
}

in_zone() { has "$zone" "$FIRST" "$subject" "$kind" || has "$zone" "$SECOND" "$subject" "$kind"; }

present_batch() {
    look
    while read -r kind subject expiry; do
        for zone in $zones; do
            in_zone || {
                printf 'missing %s\n' "$subject"
                break
            }
        done
    done <<END
$batch
END
}

# One address is a batch of one.
block() { batch="$2 $1 $expiry_s" && block_batch; }
release() { batch="$2 $1 0" && release_batch; }
present() { batch="$2 $1 0" && missing=$(present_batch) && [ -z "$missing" ]; }

respond "$@"
