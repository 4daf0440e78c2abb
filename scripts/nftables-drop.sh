#!/bin/sh
# Drops all packets of an address, or of an IPv6 prefix, with nftables.
# usage: nftables-drop.sh add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]
# ar: batch timeout present
#
# Everything is in a table of its own, `inet ar_agent`: for each kind of subject (4, 6, and 6_64 for prefixes of 64
# bits, say) a set, and a chain that looks its packets up. They are seen where they come in, before connection tracking
# and before any rule that accepts: what is for this host and what is to be forwarded are both dropped, established
# connections are cut, and no accept elsewhere brings a packet back. Each element has a timeout of the block's time and
# 5 s more, so that the kernel ends the block even if the agent never comes back. nft reads at most 99999999 s
# (3 years); a longer block has no timeout, and only the agent ends it.
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"

# Set $kind and what goes with it: $looked_up is the part of a packet, $mask what is kept of an address in the set.
# Each length of prefixes is a kind of its own: a set of all lengths would hold ranges, and refuse one that overlaps.
choose_kind() { # FAMILY ADDRESS
    family=$1 kind=$1 type=ipv6_addr looked_up='ip6 saddr' suffix='' mask=''
    case $1 in
        4) type=ipv4_addr looked_up='ip saddr' ;;
        6net)
            suffix=/${2#*/} kind=6_${2#*/}
            mask=" & $(mask_of "${2#*/}")"
            looked_up="ip6 saddr$mask"
            ;;
    esac
}

mask_of() { # LENGTH: print so many ones, written as an address
    left=$1
    set --
    while [ $# -lt 8 ]; do
        bits=$((left < 16 ? left : 16))
        left=$((left - bits))
        set -- "$@" $((65536 - (1 << (16 - bits))))
    done
    printf '%x:%x:%x:%x:%x:%x:%x:%x' "$@"
}

# What makes the set and its chain; idempotent. The chain is made anew with each block: that repairs what someone
# flushed, and costs the same at any size.
make_set() {
    printf '%s\n' "add table inet ar_agent" "add set inet ar_agent blocked$kind { type $type; flags timeout; }"
}

make_chain() {
    cat <<END
add chain inet ar_agent drop$kind { type filter hook prerouting priority -300; policy accept; }
flush chain inet ar_agent drop$kind
add rule inet ar_agent drop$kind $looked_up @blocked$kind drop
END
}

# What puts elements in, or takes them out. One that is there keeps its old timeout when it is added again, so it is
# taken out first; and it is put in before that, since nothing can be taken out that is not there. All of it is one
# transaction: no gap is seen.
take_out() { # ELEMENTS
    printf '%s element inet ar_agent blocked%s { %s }\n' add "$kind" "$1" delete "$kind" "$1"
}

put_in() { # ELEMENTS ELEMENTS_WITH_TIMEOUT
    take_out "$1"
    printf 'add element inet ar_agent blocked%s { %s }\n' "$kind" "$2"
}

block() {
    choose_kind "$2" "$1"
    element=${1%/*}$mask timeout=" timeout ${expiry_s}s"
    [ "$expiry_s" -gt 0 ] && [ "$expiry_s" -le 99999999 ] || timeout=
    run nft -f - <<END
$(make_set && make_chain && put_in "$element" "$element$timeout")
END
}

release() {
    choose_kind "$2" "$1"
    run nft -f - <<END
$(make_set && take_out "${1%/*}$mask")
END
}

present() { # an element without the rule that looks at it blocks nothing
    choose_kind "$2" "$1"
    ask_nft "get element inet ar_agent blocked$kind { ${1%/*}$mask }
list chain inet ar_agent drop$kind"
    is_looked_at
}

ask_nft() { # COMMANDS: set $answer, to nothing where there is no such thing
    answer=$(printf '%s\n' "$1" | nft -f - 2>&1) || case $answer in
        *'No such file or directory'*) answer= ;;
        *) fail 69 "cannot ask nft: $answer" ;;
    esac
}

is_looked_at() { case $answer in *"@blocked$kind drop"*) ;; *) return 1 ;; esac }

by_kind() { # FUNCTION: call it for each kind of the batch
    for one in $(printf '%s\n' "$batch" | awk '
        { length_of = $2; sub(".*/", "/", length_of); if ($1 != "6net") length_of = "" }
        !seen[$1 length_of]++ { print $1 "=" $2 }'); do
        choose_kind "${one%%=*}" "${one#*=}"
        "$1"
    done
}

elements() { # TIMED: print those of this kind, with their timeouts if TIMED is 1
    printf '%s\n' "$batch" | awk -v family="$family" -v suffix="$suffix" -v mask="$mask" -v timed="$1" '
        $1 == family && $2 ~ suffix "$" {
            sub(suffix "$", "", $2)
            printf "%s%s%s%s", separator, $2, mask, (timed && $3 > 0 && $3 <= 99999999 ? " timeout " $3 "s" : "")
            separator = ", "
        }'
}

block_these() { make_set && make_chain && put_in "$(elements 0)" "$(elements 1)"; }
release_these() { make_set && take_out "$(elements 0)"; }

find_missing() {
    ask_nft "list set inet ar_agent blocked$kind
list chain inet ar_agent drop$kind"
    is_looked_at || answer=
    print_missing "$family" "$answer" "$suffix"
}

block_batch() {
    run nft -f - <<END
$(by_kind block_these)
END
}

release_batch() {
    run nft -f - <<END
$(by_kind release_these)
END
}

present_batch() { by_kind find_missing; }

require nft nftables
respond "$@"
