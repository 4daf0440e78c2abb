# shellcheck shell=sh
# notify.sh - for scripts that tell somebody of a response; they source it after lib.sh and settings.sh.
#
# Such a script defines `tell` and ends with `respond_by_telling "$@"`. Set for `tell`: $headline, one line of plain
# ASCII, and $report, a line `What: value` for each fact. Where its command has a timeout, the end is told of too.

# Print a text on one line, without anything that a terminal or a mail program could take for more than text.
plain() { printf '%s' "$1" | tr '\001-\037\177' ' ' | cut -c 1-"${2:-300}"; }
number() { case $1 in '' | *[!0-9]*) echo - ;; *) plain "$1" 10 ;; esac; }

# shellcheck disable=SC2154 # lib.sh sets what the arguments say
# shellcheck disable=SC2034 # the scripts use what is set here
compose() { # ARGUMENTS as the script got them
    host=$(uname -n | tr -dc 'A-Za-z0-9._-')
    [ "$action" = add ] && what=began || what=ended
    whom=$address
    [ "$whom" != - ] || whom=$user
    rule=$(number "${AR_RULE_ID:-${5-}}") level=$(number "${AR_RULE_LEVEL-}")
    [ "$timeout_s" -gt 0 ] && lasts="$timeout_s s" || lasts='not limited'
    headline="$host: response $what: $whom, rule $rule, level $level"
    report="Response: $what
Address: $address
User: $user
Rule: $rule, level $level
Description: $(plain "${AR_RULE_DESCRIPTION-}")
Alert: $(plain "${AR_ALERT_ID:-${4-}}" 64)
Location: $(plain "${6-}")
Time: $lasts
Host: $host"
}

respond_by_telling() {
    read_arguments "$@"
    [ "$action" != present ] || return 1 # a message is never in force
    compose "$@"
    tell
}
