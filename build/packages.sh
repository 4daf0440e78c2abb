#!/bin/sh
# Installs from apt the programs that a make target needs and the machine lacks; says what to type where it may not.
#
# Usage: packages.sh venv|test|check|dist|libpythonX.Y
# Exit status: 0 they are there (or, for test outside CI, the tests that need them will be skipped), 69 they are not.
set -eu

# program=package; a program that is in the PATH is taken as it is.
wanted() {
    case $1 in
        venv)  echo "ensurepip=python3-venv" ;;
        test)  echo "nft=nftables iptables=iptables ipset=ipset ip=iproute2 sshd=openssh-server ssh=openssh-client
                     rsyslogd=rsyslog busybox=busybox-static gawk=gawk mawk=mawk shellcheck=shellcheck sshpass=sshpass
                     faketime=faketime mkfs.ext4=e2fsprogs unshare=util-linux losetup=mount
                     firewalld=firewalld dbus-daemon=dbus curl=curl usermod=passwd fail2ban-client=fail2ban
                     msmtp=msmtp vagrant=vagrant" ;;
        check) echo "shellcheck=shellcheck" ;;
        dist)  echo "strip=binutils objdump=binutils" ;;
        libpython*) echo "$1=$1" ;;  # a library: never in the PATH
    esac
}

missing() {
    for pair in $(wanted "$1"); do
        command -v "${pair%%=*}" >/dev/null 2>&1 || echo "${pair#*=}"
    done | sort -u
}

# The daemons among the packages are for tests in namespaces of their own; none shall start on this machine itself.
hold_daemons() {
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
}

apt_install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install() {
    echo "packages: installing $* (apt-get)"
    hold_daemons
    apt_install "$@" 2>/dev/null || { $as_root apt-get update -qq && apt_install "$@"; }
}

# Return whether this user may install without being asked for a password, and set as_root to how.
may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root=""
    [ "$(id -u)" != 0 ] || return 0
    as_root="sudo -n"
    $as_root true 2>/dev/null
}

main() {
    [ -n "$(wanted "$1")" ] || { sed -n 's/^# \(Usage\)/\1/p' "$0" >&2; exit 64; }
    # sshd, nft and iptables live in sbin, which is not in every user's PATH.
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    purpose=$1
    # shellcheck disable=SC2046  # one word for each package
    set -- $(missing "$purpose")
    [ $# -gt 0 ] || return 0
    if may_install; then install "$@"; return; fi
    echo "packages: missing here: $*" >&2
    echo "packages: on Debian, type: sudo apt-get install $*" >&2
    if [ "$purpose" = test ] && [ -z "${CI:-}" ]; then
        echo "packages: the tests that need them will be skipped" >&2
    else
        exit 69
    fi
}

main "${1:-}"
