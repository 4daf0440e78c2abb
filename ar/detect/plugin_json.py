"""Takes the fields of a JSON object that a message holds, as Wazuh's `JSON_Decoder` does.

An object in an object becomes `outer.inner`. At the top, keys that are the names of OSSEC's own fields are these.
A number stays as it is written, an array becomes its JSON text.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Dict, Iterator, Tuple

from ar.detect.decoder import FIELD_NAMES
from ar.detect.event import Event

FIELDS_MAX = 256  # as many as an <order> may name; further ones are left out
DEPTH_MAX = 16  # objects deeper than this are left out
NULLS = ("string", "discard")  # what becomes of a null: the text "null", or nothing
ARRAYS = ("array", "csv")  # what becomes of an array: its JSON text, or its values with commas between


class _Written(str):
    """A number, as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Written, parse_int=_Written, parse_constant=_Written)


class JsonPlugin:
    """The plugin, as `<json_null_field>` and `<json_array_structure>` want it."""

    def __init__(self, nulls: str = NULLS[0], arrays: str = ARRAYS[0]) -> None:
        self._nulls = nulls
        self._arrays = arrays

    def __call__(self, event: Event, start: int) -> None:
        """Take the fields of the object that begins at `start`; what follows it is passed over."""
        log = event.log
        while start < len(log) and log[start] == " ":
            start += 1
        if not log.startswith("{", start):
            return
        try:
            outermost, _ = _DECODER.raw_decode(log, start)
            found = dict(islice(self._flatten("", outermost, DEPTH_MAX), FIELDS_MAX))
        except (ValueError, RecursionError):  # no JSON, or nested to break its reader
            return
        event.fields.update((FIELD_NAMES.get(name, name), value) for name, value in found.items())

    def _flatten(self, prefix: str, values: Dict[str, Any], depth_left: int) -> Iterator[Tuple[str, str]]:
        for key, value in values.items():
            name = prefix + key
            if isinstance(value, dict):
                if depth_left > 1:
                    yield from self._flatten(f"{name}.", value, depth_left - 1)
            elif value is not None or self._nulls == "string":
                yield name, self._text(value)

    def _text(self, value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, list) and self._arrays == "csv":
            return ",".join(map(self._text, value))
        return _json(value)


def _json(value: object) -> str:
    """Return the value as JSON, its numbers as they were written."""
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(key)}:{_json(inner)}" for key, inner in value.items()) + "}"
    return value if isinstance(value, _Written) else json.dumps(value, ensure_ascii=False)
