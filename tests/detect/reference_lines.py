"""Lines to hold the detector against the reference model with: OSSEC's own samples, and lines made to be odd."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Callable, Iterator, List

CHARS_MAX = 900  # a longer line makes some stock patterns slow, which is not the question here

PREFIXES = (
    "Dec 10 06:55:46 LabSZ ",
    "Dec  1 06:55:46  h ",
    "2026-11-20T10:11:12.123456+01:00 h ",
    "2026-11-20T10:11:12+01:00 h ",
    "2015-04-16 21:51:02,805 h ",
    "2015 Dec 29 10:00:01 h ",
    "2019:11:06-00:08:03 h ",
    "[Fri Feb 11 18:06:35 2004] ",
    "01/28-09:13:16.240702  ",
    "Xxx 99 99:99:99 h ",
)
PROGRAMS = (
    "sshd", "sshd(pam_unix)", "su", "sudo", "postfix/smtpd", "named", "kernel", "httpd", "ftpd", "proftpd", "dovecot",
    "pam", "login", "systemd", "CRON", "nginx", "sendmail", "smbd", "imapd", "crond", "useradd", "passwd", "ossec",
    "dnsmasq", "firewalld", "auditd", "racoon", "asterisk", "vsftpd", "telnetd", "suhosin", "snort", "apache2", "x-odd",
)  # fmt: skip


def samples(ossec: Path) -> List[str]:
    """Return the log lines that stand in the comments of OSSEC's decoders and rules, and those of its rule tests."""
    found = []
    for path in [ossec / "decoder.xml", *sorted((ossec / "rules").glob("*.xml"))]:
        for comment in re.findall(r"<!--(.*?)-->", path.read_text(encoding="utf-8", errors="replace"), re.DOTALL):
            found += [line.strip().lstrip("-* ") for line in comment.splitlines()]
    for path in sorted((ossec / "tests").glob("*.ini")):
        text = path.read_text(encoding="utf-8", errors="replace")
        found += re.findall(r"^log .*?= (.*)$", text, re.MULTILINE)
    return list(dict.fromkeys(line[:CHARS_MAX] for line in found if len(line) > 15))


def other_digits(random: Random, line: str, _: str) -> str:
    return re.sub(r"\d", lambda digit: random.choice("0123456789") if random.random() < 0.3 else digit[0], line)


def swapped_words(random: Random, line: str, other: str) -> str:
    words, others = line.split(" "), other.split(" ")
    for _ in range(random.randint(1, 3)):
        words[random.randrange(len(words))] = random.choice(others)
    return " ".join(words)


def cut(random: Random, line: str, _: str) -> str:
    return line[: random.randrange(len(line) + 1)]


def beheaded(random: Random, line: str, _: str) -> str:
    return line[random.randrange(len(line) + 1) :]


def odd_bytes(random: Random, line: str, _: str) -> str:
    for _n in range(random.randint(1, 4)):
        at = random.randrange(len(line) + 1)
        line = (
            line[:at] + random.choice("\x00\t\x7f\\é€ß :;[]()\"'%|$^.+*?{}<>=-/@") + line[at + random.randint(0, 1) :]
        )
    return line


def other_program(random: Random, line: str, _: str) -> str:
    message = re.sub(r"^\w{3} [ \d]\d [\d:]{8} \S+ \S+: ", "", line)
    ending = random.choice((": ", "[7]: ", "[7] ", " ", ": [ID 7 auth.info] ", ":"))
    return random.choice(PREFIXES) + random.choice(PROGRAMS) + ending + message


def bare_message(_: Random, line: str, _other: str) -> str:
    return re.sub(r"^\w{3} [ \d]\d [\d:]{8} \S+ \S+: ", "", line)


def joined(random: Random, line: str, other: str) -> str:
    return line[: random.randrange(len(line) + 1)] + other[random.randrange(len(other) + 1) :]


def other_case(random: Random, line: str, _: str) -> str:
    return "".join(char.swapcase() if random.random() < 0.2 else char for char in line)


def doubled_spaces(random: Random, line: str, _: str) -> str:
    return re.sub(" ", lambda _space: "  " if random.random() < 0.1 else " ", line)


MUTATIONS: List[Callable[[Random, str, str], str]] = [
    other_digits, swapped_words, cut, beheaded, odd_bytes, other_program, bare_message, joined, other_case,
    doubled_spaces,
]  # fmt: skip


def mutated(random: Random, lines: List[str]) -> Iterator[str]:
    """Make odd lines from these without end."""
    while True:
        line = random.choice(lines)
        for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
            line = random.choice(MUTATIONS)(random, line, random.choice(lines))
        yield line[:CHARS_MAX]
