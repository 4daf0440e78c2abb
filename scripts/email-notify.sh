#!/bin/sh
# Sends an e-mail that tells of a response, through the sendmail program that every mail system brings.
# usage: email-notify.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# etc/email-notify.conf in the home says to whom, and as whom if that matters:
#     to = admin@example.com, night@example.com
#     from = ar-agent@example.com
# The headers hold nothing that a log line could have brought but an address or a user name; all else is in the body.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/settings.sh"
. "${0%/*}/notify.sh"

need_addresses() { # NAME VALUE
    case $2 in
        -* | *[!A-Za-z0-9.@,\ _+=~-]*) fail 78 "$SETTINGS: $1 has more than addresses: expected a@b.c, d@e.f" ;;
    esac
}

find_sendmail() { # set $sendmail
    for sendmail in sendmail /usr/sbin/sendmail /usr/lib/sendmail; do
        ! command -v "$sendmail" >/dev/null || return 0
    done
    fail 69 'there is no sendmail here: install a mail system, such as postfix, or msmtp-mta'
}

# -t takes the recipients from the headers, so no address is ever an argument; -i lets a line of one dot be.
tell() {
    need_setting to admin@example.com
    to=$value
    need_addresses to "$to"
    read_setting from ''
    need_addresses from "$value"
    find_sendmail
    run "$sendmail" -i -t <<END
${value:+From: $value
}To: $to
Subject: $headline
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

$report
END
}

respond_by_telling "$@"
