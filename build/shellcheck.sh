#!/bin/sh
# Checks every shell script of the checkout with shellcheck, each in the dialect its first line names.
set -eu
cd "${0%/*}/.."

# Service scripts set variables for a runner that is not there (SC2034, SC1091); OpenRC's and procd's are sh.
check() {
    for file in "$@"; do
        case $(head -n 1 "$file" | tr -d '\0') in
            '#!/bin/sh /etc/rc.common' | '#!/sbin/openrc-run') shellcheck --shell=sh --exclude=SC2034,SC1091 "$file" ;;
            '#!/bin/sh' | '#!/bin/ksh' | '#!/usr/bin/env bash' | '#!/bin/bash')
                case $file in
                    ./build/service/*) shellcheck --exclude=SC2034,SC1091 "$file" ;;
                    *) shellcheck --external-sources --source-path=SCRIPTDIR "$file" ;;
                esac ;;
        esac || failed=1
    done
}

failed=0
# shellcheck disable=SC2046  # no file of the checkout has a space in its name
check $(find . \( -name .git -o -name '.venv*' -o -path ./home -o -path ./dist -o -path ./build/out -o -name '.*_cache' \) \
    -prune -o -type f -size -200 ! -name '*.py' ! -name '*.md' ! -name '*.xml' ! -name '*.log' -print)
exit "$failed"
