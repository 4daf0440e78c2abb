# shellcheck shell=sh
# xtables.sh - the chain OSSEC_AR of the scripts that block with iptables; they source it after lib.sh.
#
# INPUT and FORWARD jump to OSSEC_AR with their first rule, before any that accepts established connections.

choose_tables() { # FAMILY: set $tables
    [ "$1" = 4 ] && tables=iptables || tables=ip6tables
    need "$tables" iptables
}

ask() { # FAMILY ARGUMENTS: ask iptables of that family; 0 is yes, 1 is no, and any other answer is an error
    choose_tables "$1"
    shift
    answer=$("$tables" -w "$@" 2>&1) || {
        status=$?
        [ "$status" -eq 1 ] || fail 69 "cannot ask $tables: $answer"
        return 1
    }
}

change() { # FAMILY ARGUMENTS: change something with iptables of that family
    choose_tables "$1"
    shift
    run "$tables" -w "$@"
}

# Whether the chain exists is asked first: asked for a jump to a chain that is not there, iptables reports an error.
chain_exists() { ask "$1" -S OSSEC_AR 1; } # FAMILY
jump_exists() { ask "$1" -C "$2" -j OSSEC_AR; } # FAMILY CHAIN
chain_is_used() { chain_exists "$1" && jump_exists "$1" INPUT && jump_exists "$1" FORWARD; } # FAMILY

# Make the chain and what jumps to it, unless all is there. The lock keeps two from doing it at once.
make_chain() { # FAMILY
    ! chain_is_used "$1" || return 0
    lock xtables
    chain_exists "$1" || change "$1" -N OSSEC_AR
    jump_exists "$1" INPUT || change "$1" -I INPUT 1 -j OSSEC_AR
    jump_exists "$1" FORWARD || change "$1" -I FORWARD 1 -j OSSEC_AR
}
