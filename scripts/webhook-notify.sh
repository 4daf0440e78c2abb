#!/bin/sh
# Posts JSON that tells of a response to a webhook, as Slack, Mattermost, Rocket.Chat and Teams take it, with curl.
# usage: webhook-notify.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
#
# etc/webhook-notify.conf in the home has the address, which is a secret, so the file should be root's alone:
#     url = https://hooks.slack.com/services/…
# curl reads it from standard input: whoever lists the processes of this host does not see it.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/settings.sh"
. "${0%/*}/notify.sh"

# Print what stands on standard input as a JSON string of ASCII; what is no UTF-8 becomes U+FFFD.
json_string() {
    od -An -v -tu1 | awk '
        function put(code) {
            if (code == 34 || code == 92) out = out sprintf("\\%c", code)
            else if (code >= 32 && code < 127) out = out sprintf("%c", code)
            else if (code < 65536) out = out sprintf("\\u%04x", code)
            else out = out sprintf("\\u%04x\\u%04x", 55232 + int(code / 1024), 56320 + code % 1024)
        }
        function begin(bits, following, smallest) { code = bits; left = following; least = smallest }
        function take(byte) {
            if (left && byte >= 128 && byte < 192) {
                code = code * 64 + byte - 128
                if (--left == 0) put(code < least || (code >= 55296 && code < 57344) || code > 1114111 ? 65533 : code)
                return
            }
            if (left) put(65533)
            left = 0
            if (byte < 128) put(byte)
            else if (byte >= 194 && byte < 224) begin(byte - 192, 1, 128)
            else if (byte >= 224 && byte < 240) begin(byte - 224, 2, 2048)
            else if (byte >= 240 && byte < 245) begin(byte - 240, 3, 65536)
            else put(65533)
        }
        { for (i = 1; i <= NF; i++) take($i + 0) }
        END { if (left) put(65533); printf "\"%s\"", out }'
}

# Print a text so that nothing in it is a link or calls a channel, as Slack wants it.
slack_text() { printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'; }

tell() {
    need curl curl
    need_setting url https://hooks.example.com/services/…
    case $value in
        *[!A-Za-z0-9._~:/?#@!\$\&\(\)*+,\;=%-]*) fail 78 "$SETTINGS: url has characters that no address has" ;;
        https://?* | http://?*) ;;
        *) fail 78 "$SETTINGS: url is no address: expected https://…" ;;
    esac
    text=$(slack_text "$headline
$report" | json_string)
    printf 'url = "%s"\n' "$value" | run curl --disable --config - --silent --show-error --fail --max-time 20 \
        --proto =http,https --header 'Content-Type: application/json' --output /dev/null \
        --data-binary "{\"text\":$text}"
}

respond_by_telling "$@"
