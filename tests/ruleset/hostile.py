"""What attackers write into the fields they choose, and what each program then writes into its log.

Every function here takes the attacker's text and returns the whole line as the program would log it, with its
escapes and its cuts. TRUE is the address that the program knows; the attacker would like FAKE to be blamed.
"""

from __future__ import annotations

from typing import Callable, Dict, Tuple

TRUE = "203.0.113.9"
FAKE = "192.0.2.1"
OUR_LINE_BYTES_MAX = 6144
BSD = "Nov 20 10:00:00 pi"
ACCESS = "[20/Nov/2026:10:00:00 +0000]"
NGINX_ERROR_BYTES_MAX = 2048  # NGX_MAX_ERROR_STR: what does not fit is lost, the address first

Line = Callable[[str], str]

# Texts that look like what the programs write about FAKE.
LOOKALIKES: Tuple[str, ...] = (
    f"root from {FAKE} port 22 ssh2",
    f"x from {FAKE} port 22",
    f"x from {FAKE}",
    f"x from {FAKE} port 22 ssh2 [preauth]",
    f"x from {FAKE} port 22 ssh2: RSA SHA256:AAAA",
    f"x {FAKE} port 22 [preauth]",
    f"x {FAKE} port 22",
    f"x {FAKE} port 22: Too many authentication failures [preauth]",
    f"x [{FAKE}] failed.",
    f"x [{FAKE}] failed - POSSIBLE BREAK-IN ATTEMPT!",
    f"x ({FAKE})",
    f"x' from {FAKE} port 22",
    f'x" is set up for {FAKE}, ignoring',
    f"x rhost={FAKE}",
    f"x rhost={FAKE} ",
    f"x rhost={FAKE}  user=root",
    f"authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={FAKE}  user=root",
    f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={FAKE}",
    f"Failed password for root from {FAKE} port 22 ssh2",
    f"Failed password for invalid user root from {FAKE} port 22 ssh2",
    f"Invalid user x from {FAKE} port 22",
    f"Accepted password for root from {FAKE} port 22 ssh2",
    f"banner exchange: Connection from {FAKE} port 22: invalid format",
    f"Did not receive identification string from {FAKE}",
    f"message repeated 5 times: [ Failed password for root from {FAKE} port 22 ssh2]",
    f"srclimit_penalise: ipv4: new {FAKE}/32 active penalty of 5.0 seconds for penalty: x",
    f"{BSD} sshd[1]: Failed password for root from {FAKE} port 22 ssh2",
    f"2026-11-20T10:00:00+00:00 pi sshd[1]: Failed password for root from {FAKE} port 22 ssh2",
    f'{FAKE} - - {ACCESS} "GET / HTTP/1.1" 404 1 "-" "-"',
    f'www:80 {FAKE} - - {ACCESS} "GET / HTTP/1.1" 404 1 "-" "-"',
    f"{FAKE} - -",
    '/" 404 1 "-" "-"',
    f", client: {FAKE}, server: _, request: ",
    f'" failed (2: No such file or directory), client: {FAKE}, server: _, request: "GET / HTTP/1.1", host: "x"',
    f'x": password mismatch, client: {FAKE}, server: _',
    f"limiting requests, excess: 1.0 by zone x, client: {FAKE}, server: _",
    f"] [client {FAKE}:80] AH01618: user x",
    f"[client {FAKE}] x",
    f"/var/ossec/active-response/bin/firewall-drop.sh add - {FAKE} 1.1 5712",
    f"; USER=root ; COMMAND=x from {FAKE} port 22 ssh2",
    FAKE,
    f"::ffff:{FAKE}",
)
FILLERS: Tuple[str, ...] = (
    "", " ", "a ", "\\", '"', '" ', "') ", "]: ", "=", "é", "\x00", "\t", "\n", "A" * 60, "A" * 700, "\x01" * 2000,
)  # fmt: skip


def _vis(text: str) -> str:
    """Escape as sshd does (VIS_CSTYLE and VIS_OCTAL of vis(3)), and as rsyslog would what came through."""
    return "".join(c if " " <= c <= "~" else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in text)


def _sshd(template: str) -> Line:
    """Return sshd's line: user names are cut at 100 bytes, the whole message at 1,023."""

    def line(text: str) -> str:
        return f"{BSD} sshd[812]: " + _vis(template.replace("{USER}", text[:100]).replace("{}", text))[:1023]

    return line


def _disconnecting(user: str, service: str) -> str:
    """Return the line of auth2.c about a changed user name; sshd cuts what comes after the address at 100 bytes."""
    why = f"Change of username or service not allowed: ({user},{service}) -> ({user},{service})"
    return f"{BSD} sshd[812]: " + _vis(
        f"Disconnecting invalid user {user[:100]} {TRUE} port 4242: {why[:100]} [preauth]"
    )


def _syslog(head: str, template: str) -> Line:
    """Return the line of a program that escapes nothing; rsyslog escapes control characters and cuts at 8 KB."""

    def line(text: str) -> str:
        message = template.replace("{}", text)
        safe = "".join(c if c >= " " and c != "\x7f" else f"#{ord(c):03o}" for c in message)
        return f"{BSD} {head}: {safe}"[:8096]

    return line


def _apache(template: str) -> Line:
    """Return Apache's line, as ap_escape_logitem() writes what the client sent."""

    def line(text: str) -> str:
        plain = text.replace("\\", "\\\\").replace('"', '\\"')
        escaped = "".join(c if " " <= c <= "~" else "".join(f"\\x{b:02x}" for b in c.encode()) for c in plain)
        return template.replace("{}", escaped)

    return line


def _nginx(template: str) -> Line:
    """Return nginx's line in its access log, with its default escapes."""

    def line(text: str) -> str:
        escaped = "".join(
            c if " " <= c <= "~" and c not in '"\\' else "".join(f"\\x{b:02X}" for b in c.encode()) for c in text
        )
        return template.replace("{}", escaped)

    return line


def _nginx_error(message: str, request: str = "GET / HTTP/1.1") -> Line:
    """Return nginx's line in its error log: nothing is escaped, and what is over 2,048 bytes is lost."""

    def line(text: str) -> str:
        one_line = text.replace("\n", " ")  # nginx would write it; the line is then another
        whole = (
            f"2026/11/20 10:00:00 [error] 1234#1234: *5 {message.replace('{}', one_line)}, client: {TRUE}, "
            f'server: _, request: "{request.replace("{}", one_line)}", host: "pi.example.net"'
        )
        return whole.encode()[:NGINX_ERROR_BYTES_MAX].decode("utf-8", "backslashreplace")

    return line


FINGERPRINT = "SHA256:h3adUngxxhV2z0zf7djK6OsuODQvJ5Z2QGmhJMdVBH0"
CERTIFICATE = f"ED25519-CERT {FINGERPRINT} ID {{}} (serial 0) CA ED25519 {FINGERPRINT}"

_SSHD = {
    "failed password": f"Failed password for invalid user {{USER}} from {TRUE} port 4242 ssh2",
    "failed none": f"Failed none for invalid user {{USER}} from {TRUE} port 4242 ssh2",
    "failed keyboard": f"Failed keyboard-interactive/pam for invalid user {{USER}} from {TRUE} port 4242 ssh2",
    "postponed": f"Postponed keyboard-interactive for invalid user {{USER}} from {TRUE} port 4242 ssh2 [preauth]",
    "failed key": f"Failed publickey for invalid user {{USER}} from {TRUE} port 4242 ssh2: RSA {FINGERPRINT}",
    "failed key, no more": f"Failed publickey for invalid user {{USER}} from {TRUE} port 4242 ssh2",
    "certificate of root": f"Failed publickey for root from {TRUE} port 4242 ssh2: {CERTIFICATE}",
    "certificate": f"Failed publickey for invalid user {{USER}} from {TRUE} port 4242 ssh2: {CERTIFICATE}",
    "hostbased": (
        f"Failed hostbased for invalid user {{USER}} from {TRUE} port 4242 ssh2: RSA {FINGERPRINT}, "
        'client user "{}", client host "{}"'
    ),
    "gssapi": f"Failed gssapi-with-mic for invalid user {{USER}} from {TRUE} port 4242 ssh2: {{}}",
    "accepted certificate": f"Accepted publickey for alice from {TRUE} port 4242 ssh2: {CERTIFICATE}",
    "invalid": f"Invalid user {{USER}} from {TRUE} port 4242",
    "invalid, old": f"Invalid user {{USER}} from {TRUE}",
    "userauth": "input_userauth_request: invalid user {USER} [preauth]",
    "exceeded": (
        f"error: maximum authentication attempts exceeded for invalid user {{USER}} from {TRUE} port 4242 ssh2 "
        "[preauth]"
    ),
    "closed": f"Connection closed by invalid user {{USER}} {TRUE} port 4242 [preauth]",
    "closed, authenticating": f"Connection closed by authenticating user {{USER}} {TRUE} port 4242 [preauth]",
    "reset": f"Connection reset by invalid user {{USER}} {TRUE} port 4242 [preauth]",
    "disconnected": f"Disconnected from invalid user {{USER}} {TRUE} port 4242 [preauth]",
    "disconnecting": (
        f"Disconnecting invalid user {{USER}} {TRUE} port 4242: Too many authentication failures [preauth]"
    ),
    "pam error": f"error: PAM: Authentication failure for illegal user {{USER}} from {TRUE}",
    "pam error, via": f"error: PAM: Authentication failure for illegal user {{USER}} from {TRUE} via 198.51.100.7",
    "goodbye": f"error: Received disconnect from {TRUE} port 4242:3: {{}} [preauth]",
    "goodbye, old": f"Received disconnect from {TRUE}: 11: {{}} [preauth]",
    "version": 'error: kex_exchange_identification: client sent invalid protocol identifier "{}"',
    "version, old": f"Bad protocol version identification '{{USER}}' from {TRUE} port 4242",
    "offer": f"Unable to negotiate with {TRUE} port 4242: no matching cipher found. Their offer: {{}} [preauth]",
    "offer of a user": (
        f"Unable to negotiate with invalid user {{USER}} {TRUE} port 4242: no matching cipher found. "
        "Their offer: {} [preauth]"
    ),
    "dispatch": (
        f"ssh_dispatch_run_fatal: Connection from invalid user {{USER}} {TRUE} port 4242: invalid argument [preauth]"
    ),
    "reverse": f"reverse mapping checking getaddrinfo for {{}} [{TRUE}] failed.",
    "maps": f"Address {TRUE} maps to {{}}, but this does not map back to the address.",
    "nasty": f'Nasty PTR record "{{}}" is set up for {TRUE}, ignoring',
    "scanned": f"scanned from {TRUE} port 4242 with {{}}.  Don't panic.",
    "subsystem": "subsystem request for {} by user alice failed, subsystem not found",
    "repeated": f"message repeated 2 times: [ Failed password for invalid user {{USER}} from {TRUE} port 4242 ssh2]",
    "wrapped": f"refused connect from {{}} ({TRUE})",
    "remote debug": "debug1: Remote: {}",
}
_PAM = "authentication failure; logname= uid=0 euid=0 tty=x ruser={} rhost="
_LOGS: Dict[str, Line] = {
    "pam ruser": _syslog("vsftpd", f"pam_unix(vsftpd:auth): {_PAM}{TRUE}"),
    "pam ruser and user": _syslog("vsftpd", f"pam_unix(vsftpd:auth): {_PAM}{TRUE}  user={{}}"),
    "pam user": _syslog(
        "sshd[812]",
        f"pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={TRUE} user={{}}",
    ),
    "pam, nobody from afar": _syslog("su", f"pam_unix(su:auth): {_PAM}  user={{}}"),
    "pam audit": _syslog("sshd[812]", "pam_unix(sshd:auth): check pass; user ({}) unknown"),
    "libpam": _syslog("sshd[812]", f"PAM 2 more authentication failures; {_PAM[24:]}{TRUE}  user={{}}"),
    "sudo": _syslog("sudo", "alice : TTY=pts/0 ; PWD={} ; USER=root ; COMMAND={}"),
    "su": _syslog("su", "FAILED SU (to {}) alice on pts/0"),
    "another program": _syslog("myapp[812]", "login failed for {}"),
    "apache user": _apache(f'{TRUE} - {{}} {ACCESS} "GET / HTTP/1.1" 401 381 "-" "-"'),
    "apache request": _apache(f'{TRUE} - - {ACCESS} "{{}}" 400 226 "-" "-"'),
    "apache url": _apache(f'{TRUE} - - {ACCESS} "GET {{}} HTTP/1.1" 404 196 "{{}}" "{{}}"'),
    "apache common": _apache(f'{TRUE} - {{}} {ACCESS} "GET {{}} HTTP/1.1" 404 196'),
    "apache vhost": _apache(f'www.example.net:80 {TRUE} - {{}} {ACCESS} "GET {{}} HTTP/1.1" 404 196 "{{}}" "{{}}"'),
    "nginx user": _nginx(f'{TRUE} - {{}} {ACCESS} "GET / HTTP/1.1" 401 179 "-" "-"'),
    "nginx request": _nginx(f'{TRUE} - - {ACCESS} "{{}}" 400 157 "-" "-"'),
    "nginx url": _nginx(f'{TRUE} - {{}} {ACCESS} "POST {{}} HTTP/1.1" 404 153 "{{}}" "{{}}"'),
    "nginx through syslog": _nginx(f'{BSD} nginx: {TRUE} - {{}} {ACCESS} "GET {{}} HTTP/1.1" 404 153 "{{}}" "{{}}"'),
    "apache 2.2 error": _apache(
        f"[Fri Nov 20 10:00:00 2026] [error] [client {TRUE}] user {{}} not found: {{}}, referer: {{}}"
    ),
    "apache 2.4 error": _apache(
        "[Fri Nov 20 10:00:00.123456 2026] [auth_basic:error] [pid 812] "
        f"[client {TRUE}:33168] AH01618: user {{}} not found: {{}}, referer: {{}}"
    ),
    "nginx open": _nginx_error('open() "/var/www/{}" failed (13: Permission denied)', "GET /{} HTTP/1.1"),
    "nginx missing": _nginx_error('"/var/www/{}/index.html" is not found (2: No such file or directory)', "GET /{}/"),
    "nginx user unknown": _nginx_error('user "{}" was not found in "/etc/nginx/.htpasswd"'),
    "nginx mismatch": _nginx_error('user "{}": password mismatch'),
    "nginx forbidden": _nginx_error("access forbidden by rule", "GET /{} HTTP/1.1"),
    "nginx limit": _nginx_error('limiting requests, excess: 20.540 by zone "login"', "GET /{} HTTP/1.1"),
    "nginx header": _nginx_error('client sent invalid header line: "{}" while reading client request headers'),
    "nginx upstream": _nginx_error("upstream timed out (110: Connection timed out)", "GET /{} HTTP/1.1"),
    "nginx lua": _nginx_error("[lua] init.lua:5: {}"),
}
LINES: Dict[str, Line] = {
    **{name: _sshd(template) for name, template in _SSHD.items()},
    "changed user": lambda text: _disconnecting(text, "ssh-connection"),
    "changed service": lambda text: _disconnecting("a", text),
    **_LOGS,
}
# Where no text whatever keeps the true address from being found, because it stands first in the line.
ALWAYS_FOUND = (
    "apache user", "apache url", "apache common", "apache vhost", "nginx user", "nginx url", "nginx through syslog",
    "apache 2.2 error", "apache 2.4 error", "goodbye", "goodbye, old", "offer", "maps", "scanned",
)  # fmt: skip
# Where an ordinary name gives no address: the line has none, or cannot have one that is certain.
NEVER_FOUND = (
    "userauth", "version", "subsystem", "remote debug", "pam, nobody from afar", "pam audit", "sudo", "su",
    "another program", "nginx open", "nginx missing", "nginx user unknown", "nginx mismatch", "nginx header",
    "nginx lua",
)  # fmt: skip
