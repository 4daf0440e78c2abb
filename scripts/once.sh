# shellcheck shell=sh
# once.sh - for scripts that act on nothing that could be blocked; they source it after lib.sh.
#
# Such a script defines `once`, which does it, and ends with `respond_once "$@"`. USER and SRCIP may be there or not. To
# delete undoes nothing and succeeds; nothing is ever in force, so present is 1. Status 0 of `once` means it is done.

# shellcheck disable=SC2154 # lib.sh sets $action
respond_once() {
    read_arguments "$@"
    case $action in
        add) once ;;
        delete) ;;
        present) return 1 ;;
    esac
}
