"""Small rulesets and lines, for tests of detection."""

from __future__ import annotations

from typing import Optional, Tuple

from ar.detect.detector import Detector, Verdict
from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Line

NOON = 1_760_000_000.0  # 2025-10-09, some hour of the day

SSHD = """
<decoder name="sshd"><program_name>^sshd</program_name></decoder>
<decoder name="sshd-failed">
  <parent>sshd</parent>
  <prematch>^Failed </prematch>
  <regex offset="after_prematch">^\\S+ for (\\S+) from (\\S+) port (\\d+)</regex>
  <order>user, srcip, srcport</order>
</decoder>
"""
ROOT = '<group name="syslog"><rule id="1" level="0" noalert="1"><description>All.</description></rule></group>'


def ruleset(rules: str = "", decoders: str = SSHD, *, clean: bool = True) -> Ruleset:
    """Load the rules, put into a group, under a root rule; without mistakes unless `clean` is False."""
    loaded = load(
        [Text("decoder.xml", decoders)],
        [Text("root.xml", ROOT), Text("rules.xml", f'<group name="local,">\n{rules}\n</group>')],
    )
    if clean:
        assert [str(mistake) for mistake in loaded.mistakes] == []
    return loaded


def rule(number: int, inside: str = "", level: int = 5, **attributes: object) -> str:
    """Write one rule."""
    extra = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<rule id="{number}" level="{level}"{extra}>{inside}<description>Rule {number}.</description></rule>\n'


def detector(
    rules: str = "",
    decoders: str = SSHD,
    *,
    loaded: Optional[Ruleset] = None,
    window_keys_max: int = 1000,
    line_bytes_max: int = 6144,
    trust_stamps: bool = False,
    hostname: str = "",
) -> Detector:
    return Detector(
        loaded or ruleset(rules, decoders),
        window_keys_max=window_keys_max,
        line_bytes_max=line_bytes_max,
        stale_after_s=3600,
        trust_stamps=trust_stamps,
        hostname=hostname,
    )


def take(detecting: Detector, text: str, now_s: float = NOON, source: str = "/var/log/auth.log") -> Verdict:
    return detecting.take(Line(source, text, now_s))


def failure(address: str, user: str = "root") -> str:
    """Return a message of sshd in a header without a stamp that could be read, so that receipt is its time."""
    return f"Xxx 99 99:99:99 host sshd[7]: Failed password for {user} from {address} port 2222 ssh2"


def fired(verdict: Verdict) -> Tuple[Optional[int], bool]:
    """Return the rule and whether it made an alert."""
    return (verdict.rule.id if verdict.rule else None), verdict.alert is not None
