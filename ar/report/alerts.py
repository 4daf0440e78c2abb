"""`logs/alerts/alerts.log` and `alerts.json`: every alert, as OSSEC writes them (alerts.c, format/to_json.c).

In a flood most of the agent's time goes into these, so what all alerts of a rule have in common is written once.
"""

from __future__ import annotations

import time
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

from ar.model import Alert, RuleId
from ar.report.appender import Appender

LOG_TEXT_MAX = 1256  # characters of the line itself that OSSEC shows in alerts.log

_ADDRESS_LINES = (("srcip", "Src IP"), ("srcport", "Src Port"), ("dstip", "Dst IP"), ("dstport", "Dst Port"))
# OSSEC's keys of the alert itself, which no field takes; `id` is the alert's own.
_OWN_KEYS = frozenset({"rule", "id", "TimeStamp", "decoder", "location", "full_log", "previous_output", "hostname",
                       "program_name", "timestamp"})  # fmt: skip


def as_text(alert: Alert) -> str:
    """Return the alert as a paragraph of alerts.log, with the empty line that ends it."""
    place = f"{alert.hostname}->{alert.location}" if alert.hostname else alert.location
    groups, rule = _rule_in_words(alert.rule, alert.level, alert.description, alert.groups)
    lines = [f"** Alert {alert.id}: - {groups}\n{_stamp(int(alert.time_s))} {place}\n{rule}"]
    fields = alert.fields
    for name, title in _ADDRESS_LINES:
        value = fields.get(name)
        if value:
            lines.append(f"{title}: {value}")
    user = fields.get("user")
    if user:
        lines.append(f"User: {user}")
    lines.append(alert.full_log[:LOG_TEXT_MAX])
    lines += alert.previous
    return "\n".join(lines) + "\n\n"


def as_json(alert: Alert) -> str:
    """Return the alert as a JSON object with the keys of OSSEC's alerts.json; what is empty is left out."""
    rule = _rule_as_json(alert.rule, alert.level, alert.description, alert.groups)
    parts = [f'{{"rule":{rule},"id":{quoted(alert.id)},"TimeStamp":{int(alert.time_s * 1000)}']
    for name, value in alert.fields.items():
        if value and name not in _OWN_KEYS:
            parts.append(f"{_key(name)}:{quoted(value)}")
    previous = "\n".join(alert.previous) if alert.previous else ""
    return (
        f"{','.join(parts)}{_common_member('decoder', alert.decoder)}{_common_member('location', alert.location)}"
        f"{_member('full_log', alert.full_log)}{_member('previous_output', previous)}"
        f"{_common_member('hostname', alert.hostname)}{_common_member('program_name', alert.program)}"
        f',"timestamp":"{_stamp(int(alert.time_s))}"}}'
    )


def _member(name: str, value: str) -> str:
    return f',"{name}":{quoted(value)}' if value else ""


_common_member = lru_cache(maxsize=64)(_member)  # for what most alerts have in common


@lru_cache(maxsize=512)
def _rule_in_words(rule: RuleId, level: int, description: str, groups: Tuple[str, ...]) -> Tuple[str, str]:
    return "".join(f"{group}," for group in groups), f"Rule: {rule} (level {level}) -> '{description}'"


@lru_cache(maxsize=512)
def _rule_as_json(rule: RuleId, level: int, description: str, groups: Tuple[str, ...]) -> str:
    joined = quoted("".join(f"{group}," for group in groups))
    each = ",".join(map(quoted, groups))
    return f'{{"level":{level},"comment":{quoted(description)},"sidid":{rule},"group":{joined},"groups":[{each}]}}'


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    return quoted("dstuser" if name == "user" else name)


@lru_cache(maxsize=256)  # in a flood many alerts are of one second
def _stamp(epoch_s: int) -> str:
    return time.strftime("%Y %b %d %H:%M:%S", time.localtime(epoch_s))


class AlertsLog:
    """Appends each alert to both files."""

    def __init__(self, folder: Path, complain: Callable[[str], None]) -> None:
        self._text = Appender(folder / "alerts.log", complain)
        self._json = Appender(folder / "alerts.json", complain)

    @property
    def lost(self) -> int:
        """How many paragraphs and objects could not be written."""
        return self._text.lost + self._json.lost

    def write(self, alerts: Sequence[Alert]) -> None:
        """Append alerts, all at once."""
        if alerts:
            self._text.write("".join(map(as_text, alerts)), records=len(alerts))
            objects: List[str] = [*map(as_json, alerts), ""]
            self._json.write("\n".join(objects), records=len(alerts))

    def reopen(self) -> None:
        """Open the files anew, after somebody moved them away."""
        self._text.reopen()
        self._json.reopen()
