"""What scripts are told in JSON on standard input, and what one that asks `check_keys` is answered.

`wazuh4` is the message of Wazuh 4.2 and later, a line on standard input: `{"version", "origin", "command": "add" or
"delete", "parameters": {"extra_args", "alert", "program"}}`. A script may then print a line with the command
`check_keys` and the keys of what it is about to do, and read a second line whose command is `continue`, or `abort`
where that is done already (Wazuh's user manual, "Custom active response scripts"; what execd takes for a question, and
that it asks for one in a stateless response too, is from its source, src/os_execd/execd.c). `wazuh5` is the message of
Wazuh 5: fields of its common schema with `wazuh.active_response` and `"command": "enable"` or `"disable"` (the same
chapter of 5.0, "Migrating active response scripts", and docs/ref/modules/active-response/architecture.md of its
source, which has the question too). The contract `argv` offers the message of wazuh4 besides its arguments.

All that an alert holds is told as text in ASCII, and hostile as ever: only the address, the user and the file name of
the alert are of the alphabets that scripts may be handed (see `ar.model.Alert`).
"""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from ar.model import Alert, safe_user
from ar.policy.records import Arguments
from ar.policy.tasks import Notice, Task
from ar.respond.abilities import CHECK_KEYS

MESSAGE_BYTES_MAX = 65_535  # what Wazuh's own scripts have room for (OS_MAXSTR), with the line end
ASKED_BYTES_MAX = 8192  # of a question, as of execd (OS_SIZE_8192)
DEPTH_MAX = 8  # how deep names with dots become objects in objects

Object = Dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode
# Texts no longer than, and fields no more than: the last of these fit into a message whatever they hold.
_CUTS = ((MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX), (1024, 32), (64, 8))
_OWN_FIELDS = frozenset({"srcip", "user", "srcuser", "filename"})  # told only as they were parsed


class Host(NamedTuple):
    """Who this agent is to its scripts."""

    agent_id: str
    name: str


NOBODY = Host("000", "localhost")


def message(task: Task, script: str, host: Host) -> bytes:
    """Return the line that a task's script is told, with its line end; `script` is its path. Empty without a notice."""
    if task.notice is None:
        return b""
    shape = _SHAPES.get(task.notice.contract, _wazuh4)
    line = b""
    for text_max, fields_max in _CUTS:
        notice = task.notice._replace(alert=_cut(task.notice.alert, text_max, fields_max))
        line = _line(shape(task._replace(notice=notice), notice, script, host))
        if len(line) <= MESSAGE_BYTES_MAX:
            break
    return line


def answer(task: Task, script: str, host: Host) -> bytes:
    """Return the line that the script of a task with a notice reads after it has asked, with its line end."""
    if task.notice is None:
        return b""
    command = "abort" if task.notice.stands else "continue"
    if task.notice.contract == "wazuh5":
        told: Object = json.loads(message(task, script, host))
        return _line({**told, "command": command})
    origin = {"name": host.name, "module": "wazuh-execd"}
    return _line({"version": 1, "origin": origin, "command": command, "parameters": {}})


def may_ask(line: bytes) -> bool:
    """Tell quickly whether a line of a script's output may be a question."""
    return CHECK_KEYS.encode() in line


def asks(line: bytes) -> bool:
    """Tell whether a line of a script's output asks whether to go on."""
    try:
        asked = json.loads(line.strip(b"\0\t\r "))  # the manual's first sample ended its line with a NUL
        return bool(asked["command"] == CHECK_KEYS and isinstance(asked["parameters"]["keys"], list))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def remembered(arguments: Arguments, level: int, description: str, at_s: float) -> Alert:
    """Return what the journal has of an alert, and what the rules say now of its rule."""
    return Alert(arguments.alert_id, at_s, arguments.rule, level, (), description, arguments.location)


def _line(value: Object) -> bytes:
    return _encode(value).encode("ascii") + b"\n"


def _cut(alert: Alert, text_max: int, fields_max: int) -> Alert:
    """Return the alert with the first of its fields, and with texts no longer than that."""
    fields = list(alert.fields.items())[:fields_max]
    return alert._replace(
        groups=tuple(group[:text_max] for group in alert.groups[:fields_max]),
        description=alert.description[:text_max],
        location=alert.location[:text_max],
        hostname=alert.hostname[:text_max],
        program=alert.program[:text_max],
        decoder=alert.decoder[:text_max],
        fields={name[:text_max]: value[:text_max] for name, value in fields},
        full_log=alert.full_log[:text_max],
        previous=tuple(line[:text_max] for line in alert.previous[:fields_max]),
    )


def _wazuh4(task: Task, notice: Notice, script: str, host: Host) -> Object:
    return {
        "version": 1,
        "origin": {"name": host.name, "module": "wazuh-execd"},
        "command": task.verb,
        "parameters": {
            "extra_args": list(notice.extra_args),
            "alert": _alert(notice.alert, task.arguments, host),
            "program": script,
        },
    }


def _alert(alert: Alert, arguments: Arguments, host: Host) -> Object:
    """Return an alert as Wazuh's alerts.json has it; what is not known of one is empty."""
    filename = _handed(arguments.filename) or alert.filename
    return {
        "timestamp": _stamp(alert.time_s),
        "rule": {
            "level": alert.level,
            "description": alert.description,
            "id": str(alert.rule),
            "groups": list(alert.groups),
        },
        "agent": {"id": host.agent_id, "name": host.name},
        "manager": {"name": host.name},
        "id": alert.id,
        **({"previous_output": "\n".join(alert.previous)} if alert.previous else {}),
        "full_log": alert.full_log,
        "predecoder": {"program_name": alert.program, "hostname": alert.hostname},
        "decoder": {"name": alert.decoder},
        "data": _data(alert, arguments),
        **({"syscheck": {"path": filename}} if filename else {}),
        "location": alert.location,
    }


def _data(alert: Alert, arguments: Arguments) -> Object:
    """Return the fields of the event: the parsed ones, then what else a decoder found."""
    srcip = _handed(arguments.srcip) or (str(alert.srcip) if alert.srcip is not None else None)
    of_event = _users(alert.fields)
    user = _handed(arguments.user) or alert.user
    users = of_event or {"dstuser": user, "srcuser": user}  # which of the two it was the journal does not tell
    data: Object = {name: value for name, value in {"srcip": srcip, **users}.items() if value}
    for name, value in alert.fields.items():
        if value and name not in _OWN_FIELDS:
            _place(data, name, value)
    return data


def _users(fields: Mapping[str, str]) -> Dict[str, Optional[str]]:
    found = {"dstuser": safe_user(fields.get("user", "")), "srcuser": safe_user(fields.get("srcuser", ""))}
    return {name: user for name, user in found.items() if user}


def _place(data: Object, name: str, value: str) -> None:
    """Put a field where scripts look for it: a name with dots is an object in an object."""
    parts = name.split(".", DEPTH_MAX)
    into = data
    for part in parts[:-1]:
        into = into.setdefault(part, {})
        if not isinstance(into, dict):  # a field of that name is there already
            return
    into.setdefault(parts[-1], value)


def _wazuh5(task: Task, notice: Notice, script: str, host: Host) -> Object:  # noqa: ARG001 (every shape's signature)
    alert, arguments = notice.alert, task.arguments
    data = _data(alert, arguments)
    rule = {"id": str(alert.rule), "level": alert.level, "description": alert.description, "groups": list(alert.groups)}
    about: Object = {
        "name": notice.command,
        "executable": task.executable,
        "location": "local",
        "agent_id": host.agent_id,
        "type": "stateful" if notice.is_stateful else "stateless",
    }
    if notice.is_stateful:
        about["stateful_timeout"] = int(task.environment.get("AR_TIMEOUT", "0"))
    filename = _handed(arguments.filename) or alert.filename
    return {
        "@timestamp": _stamp(alert.time_s),
        "wazuh": {"active_response": about, "agent": {"id": host.agent_id, "name": host.name}, "rule": rule},
        "rule": rule,
        "source": _known(ip=data.get("srcip"), port=_number(data.get("srcport"))),
        "destination": _known(ip=data.get("dstip"), port=_number(data.get("dstport"))),
        "user": _known(name=data.get("dstuser") or data.get("srcuser")),
        **({"file": {"path": filename}} if filename else {}),
        "event": {"id": alert.id, "original": alert.full_log},
        "log": {"file": {"path": alert.location}},
        "command": {"add": "enable", "delete": "disable"}.get(task.verb, task.verb),
    }


def _known(**values: Any) -> Object:
    return {name: value for name, value in values.items() if value is not None}


def _number(text: Any) -> Optional[int]:
    return int(text) if isinstance(text, str) and text.isdecimal() and text.isascii() and len(text) <= 5 else None


def _handed(argument: str) -> Optional[str]:
    """Return an argument of a script, None for a dash."""
    return None if argument == "-" else argument


def _stamp(epoch_s: float) -> str:
    """Return a time as Wazuh writes it: 2021-02-01T20:58:44.830+0000."""
    try:
        local = time.localtime(epoch_s)
    except (OverflowError, ValueError, OSError):  # on a board whose calendar ends in 2038
        local = time.localtime(0)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(epoch_s % 1 * 1000):03d}{time.strftime('%z', local)}"


_SHAPES: Mapping[str, Callable[[Task, Notice, str, Host], Object]] = {"wazuh5": _wazuh5}
