"""email-notify.sh and webhook-notify.sh: what is sent is what happened, and no text of it becomes more than a text."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from netns import require
from shells import PATH, SHELLS, call, in_each_shell, path_without, succeed

ARGUMENTS = ["add", "-", "203.0.113.7", "1763706239.1", "5712", "(web) 10.0.0.1->/var/log/my log", "-"]
TOLD = {"AR_RULE_ID": "5712", "AR_RULE_LEVEL": "10", "AR_RULE_DESCRIPTION": "SSHD brute force.", "AR_ALERT_ID": "7.1"}
# Texts that would be commands, headers, JSON or a terminal's orders, if anybody took them for such.
HOSTILE = [
    "$(touch {trace})", "`touch {trace}`", "'; touch {trace}; '", '"; touch {trace}; "', "%s%n\\n\\0", "-oQ/tmp",
    "a\nBcc: evil@example.com", "a\r\nSubject: evil\r\n\r\nevil", "\n.\nRCPT TO:<evil@example.com>", '","text":"evil',
    "\\", "\\u0000", "<!channel> <https://evil.example.com|safe> &amp;", "\x1b[2J\x07", "snow ☃ and 🔒", "x" * 10240,
]  # fmt: skip


# ── by e-mail ────────────────────────────────────────────────────────────────────────────────────────────────────

SENDMAIL = """#!/bin/sh
[ "$*" = '-i -t' ] || { echo "no such usage: $*" >&2; exit 64; }
[ ! -e "$0.broken" ] || { echo 'mail system is down' >&2; exit 75; }
cat >"${0%/*}/mail.$$"
"""


@pytest.fixture
def mailing(tmp_path):
    """A home that mails to admin@example.com, with a strict sendmail; return options for calls."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "etc/email-notify.conf").write_text("# whom to tell\n to = admin@example.com, b@example.com\t\n")
    (tmp_path / "bin/sendmail").write_text(SENDMAIL)
    (tmp_path / "bin/sendmail").chmod(0o755)
    return {"AR_HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{PATH}", **TOLD}


def mails(tmp_path: Path) -> List[Any]:
    """Return the messages that were sent, parsed strictly."""
    texts = [path.read_bytes() for path in sorted((tmp_path / "bin").glob("mail.*"))]
    return [email.message_from_bytes(text, policy=email.policy.default) for text in texts]


HEADERS = [
    "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip


@in_each_shell
def test_a_mail_tells_what_began(tmp_path, mailing, shell):
    require(SHELLS[shell][0])
    assert succeed("email-notify.sh", *ARGUMENTS, shell=shell, timeout_s=600, **mailing) == ""
    (mail,) = mails(tmp_path)
    assert mail.keys() == HEADERS
    assert mail["To"] == "admin@example.com, b@example.com"
    assert mail["Subject"].endswith(": response began: 203.0.113.7, rule 5712, level 10")
    lines = mail.get_content().splitlines()
    for line in ("Response: began", "Address: 203.0.113.7", "User: -", "Rule: 5712, level 10", "Alert: 7.1",
                 "Description: SSHD brute force.", "Location: (web) 10.0.0.1->/var/log/my log",
                 "Time: 600 s"):  # fmt: skip
        assert line in lines


def test_the_end_is_told_too_and_nothing_is_ever_in_force(tmp_path, mailing):
    succeed("email-notify.sh", "delete", *ARGUMENTS[1:], **mailing)
    assert call("email-notify.sh", "present", *ARGUMENTS[1:], **mailing).returncode == 1
    (mail,) = mails(tmp_path)
    assert "Response: ended\n" in mail.get_content()


def test_by_hand_without_the_agents_variables_the_arguments_tell(tmp_path, mailing):
    bare = {name: mailing[name] for name in ("AR_HOME", "PATH")}
    succeed("email-notify.sh", "add", "root", "-", "7.9", "100001", **bare)
    (mail,) = mails(tmp_path)
    assert mail["Subject"].endswith(": response began: root, rule 100001, level -")
    assert "Alert: 7.9\n" in mail.get_content()


def test_whom_it_is_from_may_be_said(tmp_path, mailing):
    (tmp_path / "etc/email-notify.conf").write_text("to=a@example.com\nfrom = ar@example.com\n")
    succeed("email-notify.sh", *ARGUMENTS, **mailing)
    (mail,) = mails(tmp_path)
    assert mail.keys() == ["From", *HEADERS]
    assert (mail["From"], mail["To"]) == ("ar@example.com", "a@example.com")


@in_each_shell
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_a_mail_is_a_text_in_its_body(tmp_path, mailing, shell, text):
    require(SHELLS[shell][0])
    text = text.replace("{trace}", f"{tmp_path}/trace")
    told = {**mailing, "AR_RULE_DESCRIPTION": text, "AR_ALERT_ID": text, "AR_RULE_ID": text, "AR_RULE_LEVEL": text}
    succeed("email-notify.sh", "add", "-", "203.0.113.7", text, text, text, text, shell=shell, **told)
    (mail,) = mails(tmp_path)
    assert not (tmp_path / "trace").exists()
    assert mail.keys() == HEADERS
    assert mail["To"] == "admin@example.com, b@example.com"
    assert mail["Subject"].endswith(": response began: 203.0.113.7, rule -, level -")
    body = mail.get_content()
    assert [line.partition(":")[0] for line in body.splitlines()] == [
        "Response", "Address", "User", "Rule", "Description", "Alert", "Location", "Time", "Host",
    ]  # fmt: skip
    assert len(body) < 1200
    assert "\x1b" not in body


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "etc/email-notify.conf: expected a line 'to = admin@example.com'"),
        ("# to = a@example.com\n", "expected a line 'to = admin@example.com'"),
        ("to =\n", "expected a line 'to = admin@example.com'"),
        ("to = -oQ/tmp\n", "to has more than addresses"), ("to = a@example.com; b\n", "to has more than addresses"),
        ("to = <a@example.com>\n", "to has more than addresses"), ("to = a@b.c\nfrom = $(id)\n", "from has more"),
    ],
)  # fmt: skip
def test_settings_that_are_missing_or_no_addresses_are_told_of(tmp_path, mailing, settings, message):
    conf = tmp_path / "etc/email-notify.conf"
    conf.unlink() if settings is None else conf.write_text(settings)
    done = call("email-notify.sh", *ARGUMENTS, **mailing)
    assert (done.returncode, mails(tmp_path)) == (78, [])
    assert message in done.stderr


def test_a_mail_that_is_not_taken_is_a_failure(tmp_path, mailing):
    (tmp_path / "bin/sendmail.broken").touch()
    done = call("email-notify.sh", *ARGUMENTS, **mailing)
    assert done.returncode == 75
    assert done.stderr.startswith("mail system is down\nemail-notify.sh: ")


def test_without_a_mail_system_it_says_what_to_install(tmp_path, mailing):
    if any(Path(folder, "sendmail").exists() for folder in ("/usr/sbin", "/usr/lib")):
        pytest.skip("this machine has a mail system where the script always looks")
    (tmp_path / "bin/sendmail").unlink()
    done = call("email-notify.sh", *ARGUMENTS, **mailing)
    assert done.returncode == 69
    assert "email-notify.sh: there is no sendmail here: install a mail system" in done.stderr


class Postbox(socketserver.StreamRequestHandler):
    """As much of a mail server as a client needs; what comes in is kept by the server, a list of lines each."""

    def handle(self) -> None:
        lines = self.server.lines  # type: ignore[attr-defined]
        self.say("220 here")
        while line := self.rfile.readline().rstrip(b"\r\n"):
            lines.append(line)
            self.say({b"DATA": "354 go on", b"QUIT": "221 bye"}.get(line.upper(), "250 ok"))
            if line.upper() == b"DATA":
                while (line := self.rfile.readline().rstrip(b"\r\n")) != b".":
                    lines.append(line)
                self.say("250 taken")

    def say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


@pytest.mark.e2e
def test_a_real_mail_program_sends_to_whom_the_settings_name_and_to_nobody_else(tmp_path, mailing):
    """Even if a text looks like a header; a line of one dot in it ends nothing."""
    require("msmtp")
    with socketserver.TCPServer(("127.0.0.1", 0), Postbox) as server:
        server.lines = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        options = f"--host=127.0.0.1 --port={server.server_address[1]} --from=ar@example.com --domain=here"
        (tmp_path / "bin/sendmail").write_text(f'#!/bin/sh\nexec msmtp {options} "$@"\n')
        mailing["AR_RULE_DESCRIPTION"] = "a\n.\nBcc: evil@example.com\n\nCc: evil@example.com"
        assert succeed("email-notify.sh", *ARGUMENTS, **mailing) == ""
        server.shutdown()
        thread.join()
    lines: List[bytes] = server.lines  # type: ignore[attr-defined]
    told = [line for line in lines if line.upper().startswith(b"RCPT")]
    assert told == [b"RCPT TO:<admin@example.com>", b"RCPT TO:<b@example.com>"]
    assert b"Description: a . Bcc: evil@example.com  Cc: evil@example.com" in lines
    assert lines.count(b"QUIT") == 1


# ── to a webhook ─────────────────────────────────────────────────────────────────────────────────────────────────

Posted = List[Tuple[str, str, bytes]]


@pytest.fixture
def webhook(tmp_path) -> Iterator[Tuple[Dict[str, str], Posted]]:
    """A server on this machine's loopback; yield options for calls, and what was posted: path, type, content."""
    require("curl")
    posted: Posted = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, self.headers["Content-Type"], content))
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        (tmp_path / "etc").mkdir()
        url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/B1?x=1"
        (tmp_path / "etc/webhook-notify.conf").write_text(f"url = {url}\n")
        yield {"AR_HOME": str(tmp_path), **TOLD}, posted
        server.shutdown()
        thread.join()


@in_each_shell
def test_what_began_is_posted_as_slack_takes_it(webhook, shell):
    require(SHELLS[shell][0])
    options, posted = webhook
    assert succeed("webhook-notify.sh", *ARGUMENTS, shell=shell, timeout_s=600, **options) == ""
    ((path, kind, content),) = posted
    assert (path, kind) == ("/services/T0/B1?x=1", "application/json")
    told = json.loads(content)
    assert list(told) == ["text"]
    first, *rest = told["text"].split("\n")
    assert first.endswith(": response began: 203.0.113.7, rule 5712, level 10")
    assert "Location: (web) 10.0.0.1-&gt;/var/log/my log" in rest


@in_each_shell
@pytest.mark.parametrize("text", [*HOSTILE, "\udcff\udc80 not UTF-8 \udce2\udc82", "\udced\udca0\udc80", "\x7f"])
def test_a_hostile_text_is_one_json_string(tmp_path, webhook, shell, text):
    require(SHELLS[shell][0])
    options, posted = webhook
    text = text.replace("{trace}", f"{tmp_path}/trace")
    told = {**options, "AR_RULE_DESCRIPTION": text}
    succeed("webhook-notify.sh", "add", "-", "203.0.113.7", text, text, text, text, shell=shell, **told)
    assert not (tmp_path / "trace").exists()
    message = json.loads(posted[0][2].decode("ascii"))
    assert list(message) == ["text"]
    (line,) = [one for one in message["text"].split("\n") if one.startswith("Description: ")]
    plain = "".join(" " if one < " " or one == "\x7f" else one for one in text)[:300]
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "\udcff" in text:
        plain = "\ufffd\ufffd not UTF-8 \ufffd"
    elif "\udced" in text:
        plain = "\ufffd"  # half of a pair, written as three bytes
    assert line == f"Description: {plain}"


def test_the_address_is_no_argument_of_any_process(tmp_path, webhook):
    """A curl that writes down how it was called, and then is curl."""
    options, posted = webhook
    path = path_without(tmp_path / "bin", "curl")
    (tmp_path / "bin/curl").write_text('#!/bin/sh\necho "$*" >"$0.called"\nexec /usr/bin/curl "$@"\n')
    (tmp_path / "bin/curl").chmod(0o755)
    succeed("webhook-notify.sh", *ARGUMENTS, **options, PATH=path)
    assert len(posted) == 1
    called = (tmp_path / "bin/curl.called").read_text()
    assert "--max-time" in called
    assert "127.0.0.1:" not in called
    assert "services" not in called


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "expected a line 'url = https://hooks.example.com/"), ("url = ftp://a/b\n", "url is no address"),
        ("url = file:///etc/passwd\n", "url is no address"), ("url = https://\n", "url is no address"),
        ('url = https://a/"\n', "url has characters"), ("url = https://a/ b\n", "url has characters"),
        ("url = https://a/\\nproxy\n", "url has characters"), ("url = -K/etc/passwd\n", "url is no address"),
    ],
)  # fmt: skip
def test_a_url_that_is_missing_or_none_is_told_of_and_never_shown(tmp_path, webhook, settings, message):
    options, posted = webhook
    conf = tmp_path / "etc/webhook-notify.conf"
    conf.unlink() if settings is None else conf.write_text(settings)
    done = call("webhook-notify.sh", *ARGUMENTS, **options)
    assert (done.returncode, posted) == (78, [])
    assert message in done.stderr


def test_what_the_server_refuses_is_a_failure(tmp_path, webhook):
    options, _ = webhook
    conf = tmp_path / "etc/webhook-notify.conf"
    conf.write_text(conf.read_text().replace("/services/T0/B1?x=1", "/gone"))
    done = call("webhook-notify.sh", *ARGUMENTS, **options)
    assert done.returncode == 22
    assert "404" in done.stderr
    assert "webhook-notify.sh: curl failed with status 22" in done.stderr


def test_without_curl_it_says_what_to_install(tmp_path, webhook):
    options, _ = webhook
    done = call("webhook-notify.sh", *ARGUMENTS, **options, PATH=path_without(tmp_path / "bin", "curl"))
    assert (done.returncode, done.stderr) == (69, "webhook-notify.sh: there is no curl here: install curl\n")
