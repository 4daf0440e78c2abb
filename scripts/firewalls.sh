# shellcheck shell=sh
# firewalls.sh - which firewalls this host may have, whether they work, and which ones were used; for firewall-drop.sh.
#
# $firewall is the one that the functions are about. Which ones have been used since the host was booted stands in
# var/firewalls of the home, a line `FIREWALL BOOT` for each.

# shellcheck disable=SC2034 # firewall-drop.sh uses what is set here
# shellcheck disable=SC2154 # and sets $firewall

MEMORY=${AR_HOME:-${0%/*}/../..}/var/firewalls

case $(uname) in # the best first
    Linux) firewalls='nftables ipset iptables firewalld' advice='install nftables (or ipset and iptables)' ;;
    FreeBSD | DragonFly) firewalls='pf ipfw ipfilter' advice='enable pf or ipfw' ;;
    OpenBSD | Darwin) firewalls=pf advice='enable pf' ;;
    NetBSD) firewalls='npf ipfilter' advice='enable npf' ;;
    SunOS) firewalls=ipfilter advice='enable ipfilter' ;;
    AIX) firewalls=aix-ipsec advice='make the devices ipsec_v4 and ipsec_v6' ;;
    *) firewalls='' advice='this system is unknown' ;;
esac

# Status 0: the program is here, and the kernel answers it. 1: the kernel does not have what it asks, and so holds
# nothing. 2: nobody can tell what it holds. 3: the program, or the daemon that it asks, is not here; what was loaded
# with it may still be in the kernel. One that lacks permission is the right one: it will say so itself, and what it
# says is better than the silence of trying another. $said is what it said.
answers() { # PROGRAM ARGUMENTS
    said=
    command -v "$1" >/dev/null || { said="there is no program $1" && return 3; }
    said=$("$@" 2>&1) && return
    case $said in
        *[Pp]'ermission denied'* | *'not permitted'*) return 0 ;;
        *'ot supported'* | *'Invalid argument'* | *'does not exist'* | *'annot open session to kernel'*) return 1 ;;
        *DBUS_ERROR* | *'not running'*) return 3 ;;
        *'rotocol not available'* | */dev/*'No such file'* | */dev/*'not configured'*) return 1 ;;
        *) return 2 ;;
    esac
}

works() { # ask the present $firewall
    case $firewall in
        nftables) answers nft list chains ;; # of what nft can list, this takes no longer when sets are large
        ipset) answers ipset list -n && answers iptables -w -S INPUT 1 ;;
        iptables) answers iptables -w -S INPUT 1 ;;
        firewalld) answers firewall-cmd --state ;;
        pf) answers pfctl -s info ;;
        ipfw) answers ipfw list ;;
        ipfilter) answers ipf -V ;;
        npf) answers npfctl show ;;
        aix-ipsec) answers lsfilt -v 4 -O ;;
    esac
}

is_disabled() { # by what it said when it was asked
    case "$firewall $said" in
        'pf '*'Status: Dis'* | 'ipfilter '*'Running: no'* | 'npf '*inactive*) ;;
        *) return 1 ;;
    esac
}

# The kernel forgets all blocks when it is booted. Where a boot has no name, nothing is forgotten here.
name_boot() {
    boot=-
    [ ! -r /proc/sys/kernel/random/boot_id ] || read -r boot </proc/sys/kernel/random/boot_id # Linux
}

is_remembered() { [ -e "$MEMORY" ] && name_boot && grep -qxF "$firewall $boot" "$MEMORY"; }

# Note that the firewall is used, before it is. What ends by itself need not be remembered, should the disk be full. A
# full disk may have cut the line before, so a line end comes first. Without a home there is no memory.
remember() {
    [ -d "${MEMORY%/*}" ] && ! is_remembered || return 0
    name_boot
    printf '\n%s %s\n' "$firewall" "$boot" >>"$MEMORY" || [ "${AR_MUST_EXPIRE-}" = 1 ] ||
        fail 73 "cannot note in $MEMORY that $firewall is used"
}

find_script() { # set $script to what drives $firewall
    case $firewall in
        nftables | ipset | iptables | firewalld) script=${0%/*}/$firewall-drop.sh ;;
        *) script=${0%/*}/$firewall.sh ;;
    esac
}

declares() { grep -q "^# ar:.* $1" "$script"; } # ABILITY
