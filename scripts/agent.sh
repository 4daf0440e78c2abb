# shellcheck shell=sh
# agent.sh - for scripts that have the running agent do something; they source it after lib.sh.

HOME_DIR=${AR_HOME:-/var/ossec}

# Have the agent of this home read its configuration, rules and lists anew. Who holds the lock on var has written its
# number there; the number of an agent that is gone may be somebody else's by now, so it is asked whether it is held.
reload_agent() {
    [ -r "$HOME_DIR/var/lock" ] || fail 69 "no agent has run in $HOME_DIR, or it cannot be told (AR_HOME names another)"
    pid='' verb=''
    read -r pid verb <"$HOME_DIR/var/lock" || :
    case $pid in
        '' | *[!0-9]*) fail 69 "$HOME_DIR/var/lock names no process" ;;
    esac
    { [ -z "$verb" ] && lock_is_held; } || fail 69 "no agent runs in $HOME_DIR"
    run kill -HUP "$pid"
}

lock_is_held() {
    if command -v flock >/dev/null; then
        ! flock -n "$HOME_DIR/var" true
    else # it is the agent if it started this script, or if its command line says so
        [ "$pid" = "$PPID" ] || case $(ps -o args= -p "$pid") in *agent*' run'*) ;; *) return 1 ;; esac
    fi
}
