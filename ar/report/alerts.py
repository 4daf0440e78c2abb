"""`logs/alerts/alerts.log` and `alerts.json`: every alert, as OSSEC writes them (alerts.c, format/to_json.c)."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict

from ar.model import Alert
from ar.report.appender import Appender

LOG_TEXT_MAX = 1256  # characters of the line itself that OSSEC shows in alerts.log

_encode = json.JSONEncoder(separators=(",", ":")).encode
_ADDRESS_LINES = (("srcip", "Src IP"), ("srcport", "Src Port"), ("dstip", "Dst IP"), ("dstport", "Dst Port"))


def as_text(alert: Alert) -> str:
    """Return the alert as a paragraph of alerts.log, with the empty line that ends it."""
    groups = "".join(f"{group}," for group in alert.groups)
    place = f"{alert.hostname}->{alert.location}" if alert.hostname else alert.location
    lines = [
        f"** Alert {alert.id}: - {groups}",
        f"{_stamp(int(alert.time_s))} {place}",
        f"Rule: {alert.rule} (level {alert.level}) -> '{alert.description}'",
    ]
    lines += [f"{title}: {alert.fields[name]}" for name, title in _ADDRESS_LINES if alert.fields.get(name)]
    if alert.fields.get("user"):
        lines.append(f"User: {alert.fields['user']}")
    lines.append(alert.full_log[:LOG_TEXT_MAX])
    lines += alert.previous
    return "\n".join(lines) + "\n\n"


def as_object(alert: Alert) -> Dict[str, Any]:
    """Return the alert with the keys of OSSEC's alerts.json; what is empty is left out."""
    fields = {("dstuser" if name == "user" else name): value for name, value in alert.fields.items()}
    fields.pop("id", None)  # OSSEC's `id` is the alert's own
    rule = {
        "level": alert.level,
        "comment": alert.description,
        "sidid": alert.rule,
        "group": "".join(f"{group}," for group in alert.groups),
        "groups": list(alert.groups),
    }
    record: Dict[str, Any] = {"rule": rule, "id": alert.id, "TimeStamp": int(alert.time_s * 1000)}
    record.update(fields)
    record.update(
        decoder=alert.decoder,
        location=alert.location,
        full_log=alert.full_log,
        previous_output="\n".join(alert.previous),
        hostname=alert.hostname,
        program_name=alert.program,
        timestamp=_stamp(int(alert.time_s)),
    )
    return {key: value for key, value in record.items() if value != ""}


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

    def write(self, alert: Alert) -> None:
        """Append one alert."""
        self._text.write(as_text(alert))
        self._json.write(_encode(as_object(alert)) + "\n")

    def reopen(self) -> None:
        """Open the files anew, after somebody moved them away."""
        self._text.reopen()
        self._json.reopen()
