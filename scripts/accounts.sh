# shellcheck shell=sh
# accounts.sh - how each system describes, locks and unlocks an account of its own; disable-account.sh sources it.
#
# For each system there are SYSTEM_look, SYSTEM_lock and SYSTEM_unlock. The first sets $uid, $shell, $password_locked
# (yes or no), $expires (what stands there, where the system's lock makes use of it) and $locked (yes: the account lets
# nobody in) for the account $user; its status is 1 when there is none. The last is told $was_locked and $was_expires.

# shellcheck disable=SC2034 # disable-account.sh uses what is set here
# shellcheck disable=SC2154 # it sets $user, $was_locked and $was_expires

FIRST_UID=1000 LAST_UID=60000 # what is outside is the system's own
expires=-

field_of() { # FILE NUMBER: print a field of the account's line; status 1 when there is no such line
    awk -F: -v user="$user" -v number="$2" '
        $1 "" == user "" { print $number; found = 1; exit }
        END { exit !found }' "$1"
}

look_at_password() { # PASSWORD PREFIX
    case $1 in
        "$2"*) password_locked=yes ;;
        *) password_locked=no ;;
    esac
    locked=$password_locked
}

choose_accounts() { # set $system
    case $(uname) in
        Linux) system=linux ;;
        FreeBSD | DragonFly | MidnightBSD) system=freebsd ;;
        OpenBSD) system=openbsd ;;
        NetBSD) system=netbsd ;;
        SunOS) system=illumos FIRST_UID=100 ;;
        AIX) system=aix FIRST_UID=200 ;;
        *) fail 69 "nothing is known here of how this system locks accounts" ;;
    esac
}

# Linux, with the tools of shadow: the password is locked, and the account expires in 1970, since the lock alone lets in
# whoever has a key. Without these tools (busybox) it is the lock alone.
linux_look() {
    uid=$(field_of /etc/passwd 3) && shell=$(field_of /etc/passwd 7) && password=$(field_of /etc/shadow 2) || return
    look_at_password "$password" '!'
    command -v usermod >/dev/null || return 0
    expires=$(field_of /etc/shadow 8)
    [ "$expires" = 1 ] || locked=no
    FIRST_UID=$(login_default UID_MIN "$FIRST_UID")
    LAST_UID=$(login_default UID_MAX "$LAST_UID")
}

login_default() { # NAME VALUE
    [ -r /etc/login.defs ] || {
        echo "$2"
        return
    }
    awk -v name="$1" -v value="$2" '$1 == name { value = $2 } END { print value }' /etc/login.defs
}

linux_lock() {
    if command -v usermod >/dev/null; then
        run usermod --lock --expiredate 1 "$user"
    else
        run passwd -l "$user" >/dev/null
    fi
}

linux_unlock() {
    if ! command -v usermod >/dev/null; then
        [ "$was_locked" = yes ] || run passwd -u "$user" >/dev/null
    elif [ "$was_locked" = yes ]; then
        [ "$was_expires" = 1 ] || run usermod --expiredate "$was_expires" "$user"
    elif [ "$password" = '!' ]; then # it had none, and usermod would not give that back
        run usermod --expiredate "$was_expires" --password '' "$user"
    else
        run usermod --unlock --expiredate "$was_expires" "$user"
    fi
}

bsd_look() { # by the fields of master.passwd(5)
    uid=$(field_of /etc/master.passwd 3) && shell=$(field_of /etc/master.passwd 10) &&
        password=$(field_of /etc/master.passwd 2) || return
    look_at_password "$password" '*LOCKED*'
}

# FreeBSD: pw(8) puts *LOCKED* before the password, which sshd heeds for keys too.
freebsd_look() { bsd_look; }
freebsd_lock() { run pw lock "$user"; }
freebsd_unlock() { [ "$was_locked" = yes ] || run pw unlock "$user"; }

# OpenBSD: usermod(8) puts * before the password and - behind the shell.
openbsd_look() {
    bsd_look || return
    case $shell in
        *-) password_locked=yes ;;
        *) password_locked=no ;;
    esac
    locked=$password_locked
}
openbsd_lock() { run usermod -Z "$user"; }
openbsd_unlock() { [ "$was_locked" = yes ] || run usermod -U "$user"; }

# NetBSD: usermod(8) puts *LOCKED* before the password.
netbsd_look() { bsd_look; }
netbsd_lock() { run usermod -C yes "$user"; }
netbsd_unlock() { [ "$was_locked" = yes ] || run usermod -C no "$user"; }

# illumos: passwd(1) puts *LK* before the password.
illumos_look() {
    uid=$(field_of /etc/passwd 3) && shell=$(field_of /etc/passwd 7) && password=$(field_of /etc/shadow 2) || return
    look_at_password "$password" '*LK*'
}
illumos_lock() { run passwd -l "$user" >/dev/null; }
illumos_unlock() { [ "$was_locked" = yes ] || run passwd -u "$user" >/dev/null; }

# AIX: the attribute account_locked of chuser, which may also be set by yes or always.
aix_look() {
    facts=$(lsuser -a id account_locked shell "$user" 2>&1) || case $facts in
        *'does not exist'*) return 1 ;;
        *) fail 69 "cannot ask lsuser: $facts" ;;
    esac
    uid=$(aix_fact id) shell=$(aix_fact shell)
    case $(aix_fact account_locked) in
        true | yes | always) password_locked=yes ;;
        *) password_locked=no ;;
    esac
    locked=$password_locked
}
aix_fact() { for fact in $facts; do case $fact in "$1"=*) echo "${fact#*=}" ;; esac; done; }
aix_lock() { run chuser account_locked=true "$user"; }
aix_unlock() { [ "$was_locked" = yes ] || run chuser account_locked=false "$user"; }
