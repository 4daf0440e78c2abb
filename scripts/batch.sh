# shellcheck shell=sh
# batch.sh - for scripts that do it for many addresses in one run; they source it after lib.sh.
#
# Called as `SCRIPT add|delete|present --batch`, a script reads a line `ADDRESS SECONDS` for each address from standard
# input (0 seconds: for good). It defines block_batch, release_batch and present_batch, which find in $batch a line
# `FAMILY ADDRESS EXPIRY_S` for each, none twice, and do for all of them what block, release and present do for one:
# status 0 means all of them. present_batch prints a line `missing ADDRESS` for each that is not in force.

# shellcheck disable=SC2034 # the scripts use what is set here

USAGE="$USAGE
       $SCRIPT add|delete|present --batch, with a line 'ADDRESS SECONDS' for each address on standard input"

# The same checks as read_family's, for many lines in one run of awk; prints FAMILY ADDRESS EXPIRY_S.
# shellcheck disable=SC2016 # these are awk's variables
CHECK_BATCH='
function is_ipv4(text,    parts, i) {
    if (split(text, parts, ".") != 4) return 0
    for (i = 1; i <= 4; i++)
        if (parts[i] !~ /^([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$/) return 0
    return text !~ /^(0|127|22[4-9]|23[0-9])\./ && text != "255.255.255.255"
}
function is_ipv6(text,    parts, count, groups, i) {
    if (text !~ /^[0-9a-f:]+$/ || text ~ /:::/ || text ~ /::.*::/ || text ~ /^:[^:]/ || text ~ /[^:]:$/) return 0
    count = split(text, parts, ":")
    for (i = 1; i <= count; i++) {
        if (parts[i] == "") continue
        if (parts[i] !~ /^(0|[1-9a-f][0-9a-f]?[0-9a-f]?[0-9a-f]?)$/) return 0
        groups++
    }
    if (text ~ /::/ ? groups > 6 : groups != 8) return 0
    return text != "::" && text != "::1" && text !~ /^ff[0-9a-f][0-9a-f]:/ && text !~ /^::ffff:.*:/
}
function family_of(text) {
    if (is_ipv4(text)) return "4"
    if (is_ipv6(text)) return "6"
    if (split(text, halves, "/") == 2 && halves[2] ~ /^([1-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$/)
        if (halves[1] !~ /^::1?$/ && is_ipv6(halves[1])) return "6net"
    return ""
}
{
    family = family_of($1)
    if ($0 != $1 " " $2 || family == "" || $2 !~ /^(0|[1-9][0-9]*)$/ || length($2) > 9 || seen[$1]++) { bad = NR; exit }
    print family, $1, ($2 > 0 ? $2 + margin : 0)
}
END { exit bad > 0 }'

# Read `ADDRESS SECONDS` lines from standard input: set $lines to them as they are, and $batch to what was checked.
read_batch() { # ACTION
    action=$1 address="a batch"
    case $action in
        add | delete | present) ;;
        *) refuse "the first argument is no action" ;;
    esac
    lines=$(cat)
    [ -n "$lines" ] || fail 64 "the batch is empty"
    batch=$(printf '%s\n' "$lines" | awk -v margin="$EXPIRY_MARGIN_S" "$CHECK_BATCH") ||
        refuse "a line of the batch is no canonical address and seconds, or comes twice"
}

batch_has() { # FAMILY
    case "
$batch" in
        *"
$1 "*) ;;
        *) return 1 ;;
    esac
}

# Print `missing ADDRESS` for each line of the batch of these families whose address is not among the words of TEXT;
# masks that stand for a single address are left out on both sides. With SUFFIX it is for the prefixes that end in it,
# and the words are without.
print_missing() { # FAMILIES TEXT [SUFFIX]
    printf '%s\n' "$2" BATCH "$batch" | awk -v families=" $1 " -v suffix="${3-}" '
        $0 == "BATCH" { in_batch = 1; next }
        !in_batch { gsub(/[,{}=]/, " "); for (i = 1; i <= NF; i++) { sub(/\/(32|128)$/, "", $i); here[$i] = 1 }; next }
        index(families, " " $1 " ") && $2 ~ suffix "$" {
            word = $2
            sub(suffix "$", "", word)
            sub(/\/(32|128)$/, "", word)
            if (!(word in here)) print "missing", $2
        }'
}

respond_to_batch() {
    read_batch "$@"
    look_for_required
    case $action in
        add) block_batch ;;
        delete) release_batch ;;
        present) present_batch ;;
    esac
}
