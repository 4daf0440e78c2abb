#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with nftables.
# usage: nftables-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# Everything is in a table of its own, `inet ar_agent`. Its chain looks at packets where they come in, before
# connection tracking and before any rule that accepts: what is for this host and what is to be forwarded are both
# dropped, established connections are cut, and no accept elsewhere brings a packet back. Each element has a timeout
# of the block's time and 5 s more, so that the kernel ends the block even if the agent never comes back. nft reads
# at most 99999999 s (3 years); a longer block has no timeout, and only the agent ends it.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

# Idempotent, and made anew with each block: that repairs what someone flushed, and costs the same at any size.
TABLE='add table inet ar_agent
add set inet ar_agent blocked4 { type ipv4_addr; flags timeout; }
add set inet ar_agent blocked6 { type ipv6_addr; flags timeout; }
add set inet ar_agent blocked6net { type ipv6_addr; flags interval, timeout; }'
CHAIN='add chain inet ar_agent prerouting { type filter hook prerouting priority -300; policy accept; }
flush chain inet ar_agent prerouting
add rule inet ar_agent prerouting ip saddr @blocked4 drop
add rule inet ar_agent prerouting ip6 saddr @blocked6 drop
add rule inet ar_agent prerouting ip6 saddr @blocked6net drop'

# An element that is there keeps its old timeout when it is added again, so it is taken out first; and it is put
# in before that, since nothing can be taken out that is not there. All of it is one transaction: no gap is seen.
block() {
    timeout="timeout ${expiry_s}s"
    [ "$expiry_s" -gt 0 ] && [ "$expiry_s" -le 99999999 ] || timeout=
    run nft -f - <<END
$TABLE
$CHAIN
add element inet ar_agent blocked$2 { $1 }
delete element inet ar_agent blocked$2 { $1 }
add element inet ar_agent blocked$2 { $1 $timeout }
END
}

release() {
    run nft -f - <<END
$TABLE
add element inet ar_agent blocked$2 { $1 }
delete element inet ar_agent blocked$2 { $1 }
END
}

present() { # an element without the rule that looks at it blocks nothing
    answer=$(nft -f - 2>&1 <<END
get element inet ar_agent blocked$2 { $1 }
list chain inet ar_agent prerouting
END
    ) || case $answer in
        *'No such file or directory'*) return 1 ;;
        *) fail 69 "cannot ask nft: $answer" ;;
    esac
    case $answer in *"@blocked$2 drop"*) ;; *) return 1 ;; esac
}

# The commands for all of the batch: VERBS as `block` and `release` use them for one address.
elements() { # VERBS
    printf '%s\n' "$batch" | awk -v verbs="$1" '
        function group(verb, family, all) { print verb, "element inet ar_agent blocked" family, "{ " all " }" }
        {
            comma = plain[$1] == "" ? "" : ", "
            plain[$1] = plain[$1] comma $2
            timed[$1] = timed[$1] comma $2 ($3 > 0 && $3 <= 99999999 ? " timeout " $3 "s" : "")
        }
        END {
            for (family in plain) {
                group("add", family, plain[family])
                group("delete", family, plain[family])
                if (verbs == "add") group("add", family, timed[family])
            }
        }'
}

block_batch() {
    run nft -f - <<END
$TABLE
$CHAIN
$(elements add)
END
}

release_batch() {
    run nft -f - <<END
$TABLE
$(elements delete)
END
}

present_batch() {
    table=$(nft list table inet ar_agent 2>&1) || case $table in
        *'No such file or directory'*) table= ;;
        *) fail 69 "cannot ask nft: $table" ;;
    esac
    for one in 4 6 6net; do # an element without the rule that looks at it blocks nothing
        case $table in *"@blocked$one drop"*) print_missing "$one" "$table" ;; *) print_missing "$one" "" ;; esac
    done
}

need nft nftables
respond "$@"
