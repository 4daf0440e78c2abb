"""Reads `<decoder>` elements into decoders, collecting every mistake with its place (decode-xml.c)."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ar.detect.decoder import AFTER_PARENT, AFTER_PREMATCH, AFTER_REGEX, FIELD_NAMES, Decoder, Decoders
from ar.detect.event import CATEGORIES
from ar.detect.finders import finder, starts
from ar.detect.findings import Compile, Findings, closest
from ar.detect.plugin_json import ARRAYS, NULLS, JsonPlugin
from ar.detect.plugins import PLUGINS
from ar.errors import nearest
from ar.osregex import Expression, match_expression, pcre2_expression, regex_expression
from ar.ossecxml import STRAY_TEXT, Element

_ELEMENTS = {
    "parent", "program_name", "program_name_pcre2", "prematch", "prematch_pcre2", "regex", "pcre2", "order", "type",
    "fts", "ftscomment", "use_own_name", "plugin_decoder", "accumulate", "json_null_field", "json_array_structure",
}  # fmt: skip
_WITH_OFFSET = {"prematch", "prematch_pcre2", "regex", "pcre2", "plugin_decoder"}
_OFFSETS = {AFTER_PARENT, AFTER_PREMATCH, AFTER_REGEX}
_TWINS = {"program_name": "program_name_pcre2", "prematch": "prematch_pcre2", "regex": "pcre2"}
_TOP = ("program_name", "program_name_pcre2", "prematch", "prematch_pcre2")  # a decoder without a parent needs one
ORDER_MAX = 256

FIRST_SEEN_FIELDS = {
    "name", "id", "dstuser", "user", "srcuser", "srcip", "dstip", "data", "extra_data", "system_name", "systemname",
    "location",
}  # fmt: skip


class DecoderReader:
    """Adds the decoders of file after file to `decoders`."""

    def __init__(self, decoders: Decoders, findings: Findings) -> None:
        self._decoders = decoders
        self._findings = findings
        self._top: Dict[str, List[Decoder]] = {}

    def read(self, roots: List[Element]) -> None:
        """Add the decoders among the root elements of one file."""
        for root in roots:
            if root.name == "decoder":
                self._read_decoder(root)
            elif root.name == STRAY_TEXT:
                self._findings.warn(root.place, f"text outside of any element: {root.text[:40]!r}", "<decoder>")
            else:
                self._findings.refuse(root.place, f"unknown element <{root.name}>", "<decoder>")

    def _read_decoder(self, element: Element) -> None:
        findings = self._findings
        before = len(findings.mistakes)
        name = element.attributes.get("name", "")
        if not name:
            findings.refuse(element.place, "a <decoder> without a name", 'name="…"')
        for attribute in sorted(element.attributes.keys() - {"name", "type", "status"}):
            findings.refuse(element.place, f"unknown attribute {attribute!r} of <decoder>", "'name'")
        self._check_elements(element)
        decoder = Decoder(name, element.place)
        self._read_type(decoder, element)
        self._read_patterns(decoder, element)
        self._read_order(decoder, element)
        self._read_plugin(decoder, element)
        decoder.accumulates = element.first("accumulate") is not None
        parent = element.joined("parent").strip()
        if not parent and not any(element.first(known) for known in _TOP):
            what = f"decoder {name!r} would take every line"
            findings.refuse(element.place, what, "a program_name, prematch or parent")
        self._check_offsets(decoder, element, parent)
        if len(findings.mistakes) == before:
            self._add(decoder, parent, own_name=element.joined("use_own_name").strip() == "true")

    def _check_elements(self, element: Element) -> None:
        findings = self._findings
        for child in element.children:
            if child.name not in _ELEMENTS:
                what = f"unknown element <{child.name}> in a decoder"
                findings.refuse(child.place, what, nearest(child.name, _ELEMENTS))
            known = {"offset"} if child.name in _WITH_OFFSET else set()
            for attribute in sorted(child.attributes.keys() - known):
                expected = "'offset'" if known else "none"
                findings.refuse(child.place, f"unknown attribute {attribute!r} of <{child.name}>", expected)

    def _read_type(self, decoder: Decoder, element: Element) -> None:
        text = element.joined("type").strip()
        if text and text not in CATEGORIES:
            self._findings.refuse(next(element.named("type")).place, f"<type> is {text!r}", nearest(text, CATEGORIES))
        decoder.category = text or "syslog"
        names = [name.strip() for name in element.joined("fts").split(",")] if element.first("fts") else []
        for name in sorted(set(names) - FIRST_SEEN_FIELDS):
            place = next(element.named("fts")).place
            self._findings.refuse(place, f"<fts> names {name!r}", nearest(name, FIRST_SEEN_FIELDS))
        if names and not any(element.first(known) for known in ("regex", "pcre2", "plugin_decoder")):
            place = next(element.named("fts")).place
            self._findings.refuse(place, f"decoder {decoder.name!r} has an <fts> without a <regex>", "both")
        decoder.first_seen = tuple(FIELD_NAMES.get(name, name) for name in names)

    def _read_patterns(self, decoder: Decoder, element: Element) -> None:
        program, _ = self._pattern(element, "program_name", match_expression)
        prematch, decoder.prematch_offset = self._pattern(element, "prematch", regex_expression)
        decoder.expression, decoder.offset = self._pattern(element, "regex", regex_expression)
        decoder.program_expression = program
        decoder.program = program.tester() if program else None
        decoder.prematch_expression = prematch
        if prematch:
            decoder.prematch = finder(prematch)
            decoder.prematch_shown = (element.joined("prematch") or element.joined("prematch_pcre2")).strip()
            decoder.starts = None if decoder.prematch_offset else starts(prematch)
        if decoder.prematch_offset not in {"", AFTER_PARENT}:
            what = f"a prematch with offset {decoder.prematch_offset!r}"
            self._findings.refuse(element.place, what, repr(AFTER_PARENT))

    def _pattern(self, element: Element, name: str, compiler: Compile) -> Tuple[Optional[Expression], str]:
        """Return the pattern in `name`, or in its PCRE2 twin, and its offset."""
        for known, compile_known in ((name, compiler), (_TWINS[name], pcre2_expression)):
            parts = list(element.named(known))
            if not parts:
                continue
            for part in parts[1:]:
                if part.attributes:
                    self._findings.refuse(part.place, f"an offset on a further <{known}>", "it on the first one only")
            offset = parts[0].attributes.get("offset", "")
            if offset and offset not in _OFFSETS:
                self._findings.refuse(parts[0].place, f"offset is {offset!r}", nearest(offset, _OFFSETS))
            return self._findings.compile(parts[0].place, known, element.joined(known), compile_known), offset
        return None, ""

    def _read_order(self, decoder: Decoder, element: Element) -> None:
        findings = self._findings
        text = element.joined("order")
        names = [name.strip() for name in text.split(",")] if text.strip() else []
        has_pattern = element.first("regex") is not None or element.first("pcre2") is not None
        if names and not has_pattern:
            findings.refuse(element.place, f"decoder {decoder.name!r} has an <order> without a <regex>", "both")
        if has_pattern and not names:
            findings.refuse(element.place, f"decoder {decoder.name!r} has a <regex> without an <order>", "both")
        if len(names) > ORDER_MAX or not all(names):
            expected = f"1 to {ORDER_MAX} names with commas between"
            findings.refuse(element.place, f"<order> is {text.strip()!r}", expected)
        decoder.order = tuple(FIELD_NAMES.get(name, name) for name in names)
        pattern = decoder.expression.pattern if decoder.expression else None
        if pattern is not None and names and not pattern.groups:
            findings.warn(element.place, f"decoder {decoder.name!r} takes no field: its <regex> has no group", "( )")

    def _read_plugin(self, decoder: Decoder, element: Element) -> None:
        findings = self._findings
        nulls = self._json_choice(element, "json_null_field", NULLS)
        arrays = self._json_choice(element, "json_array_structure", ARRAYS)
        asked = element.first("plugin_decoder")
        if asked is None:
            return
        name = element.joined("plugin_decoder").strip()
        if name not in PLUGINS:
            findings.refuse(asked.place, f"<plugin_decoder> is {name!r}", nearest(name, PLUGINS))
        if decoder.expression is not None:
            findings.warn(asked.place, f"decoder {decoder.name!r} has a <regex> beside a plugin: it is not used", "one")
            decoder.expression = None
        decoder.offset = asked.attributes.get("offset", "")
        if decoder.offset not in {"", AFTER_PARENT, AFTER_PREMATCH}:
            expected = f"{AFTER_PARENT!r} or {AFTER_PREMATCH!r}"
            findings.refuse(asked.place, f"offset is {decoder.offset!r}", expected)
        decoder.plugin = JsonPlugin(nulls, arrays) if name == "JSON_Decoder" else PLUGINS.get(name)

    def _json_choice(self, element: Element, name: str, choices: Tuple[str, ...]) -> str:
        chosen = element.first(name)
        if chosen is None:
            return choices[0]
        text = chosen.text.strip().lower()
        if text not in choices:
            self._findings.refuse(chosen.place, f"<{name}> is {text!r}", nearest(text, choices))
        if element.joined("plugin_decoder").strip() != "JSON_Decoder":
            self._findings.warn(chosen.place, f"<{name}> beside no JSON_Decoder has no effect", "that plugin")
        return text

    def _check_offsets(self, decoder: Decoder, element: Element, parent: str) -> None:
        """Warn of what counts from where there is nothing, and of a child's program name, which nothing looks at."""
        warn = self._findings.warn
        if not parent and decoder.prematch_offset:
            what = f"decoder {decoder.name!r} has no parent: the offset of its prematch has no effect"
            warn(element.place, what, "a parent, or no offset")
        if parent and decoder.offset == AFTER_PREMATCH and decoder.prematch is None:
            what = f"decoder {decoder.name!r} has no prematch of its own: {AFTER_PREMATCH!r} means {AFTER_PARENT!r}"
            warn(element.place, what, repr(AFTER_PARENT))
        if parent and decoder.program is not None:
            what = f"decoder {decoder.name!r} has a parent: its own program name is not looked at"
            warn(element.place, what, "the parent's alone")

    def _add(self, decoder: Decoder, parent: str, *, own_name: bool) -> None:
        if not parent:
            if decoder.offset == AFTER_REGEX:
                self._refuse_offset(decoder)
            decoder.reported_name = decoder.name
            self._top.setdefault(decoder.name, []).append(decoder)
            loaded = self._decoders
            (loaded.by_program if decoder.program else loaded.without_program).append(decoder)
        elif parent not in self._top:
            what = f"decoder {decoder.name!r} names the parent {parent!r}"
            expected = closest(parent, self._top, "a decoder read before that has no parent itself")
            self._findings.refuse(decoder.place, what, expected)
            return
        else:
            decoder.reported_name = decoder.name if own_name else ""
            if not all(self._add_child(bearer, decoder) for bearer in self._top[parent]):
                return
        self._decoders.names.setdefault(decoder.name, decoder)
        self._decoders.count += 1

    def _add_child(self, parent: Decoder, decoder: Decoder) -> bool:
        before = parent.children[-1] if parent.children else None
        goes_on = before is not None and before.name == decoder.name
        takes_fields = decoder.expression is not None or decoder.plugin is not None
        if goes_on and (decoder.prematch or decoder.first_seen or not takes_fields):
            what = f"a further decoder {decoder.name!r} under {parent.name!r}"
            self._findings.refuse(decoder.place, what, "only a <regex> and an <order> in it, or a name of its own")
            return False
        if not goes_on and decoder.offset == AFTER_REGEX:
            self._refuse_offset(decoder)
            return False
        if before is not None and goes_on:
            before.goes_on = True
        parent.children.append(decoder)
        return True

    def _refuse_offset(self, decoder: Decoder) -> None:
        what = f"offset {AFTER_REGEX!r} with no regex of the same name before it"
        self._findings.refuse(decoder.place, what, repr(AFTER_PREMATCH))
