"""Decoders for the reference model: tried one after the other, as the text of the files says."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Pattern, Sequence, Tuple

from reference_header import Header
from reference_patterns import os_match, os_regex, pcre2
from reference_xml import Element, read

SAME_FIELD = {"dstuser": "user", "data": "extra_data"}
BEYOND = ("plugin_decoder", "accumulate")  # what this model does not know


class Decoded(NamedTuple):
    """What decoding gave: the reported name, the type, the fields of the first-seen key, and the fields found."""

    name: str
    kind: str
    first_seen: Tuple[str, ...]
    fields: Dict[str, str]
    beyond: bool


class Decoder:
    def __init__(self, element: Element) -> None:
        self.name = element.attributes["name"]
        self.parent = element.joined("parent")
        self.own_name = element.joined("use_own_name") == "true"
        self.kind = element.joined("type") or "syslog"
        self.first_seen = tuple(word.strip() for word in element.joined("fts").split(",") if word.strip())
        self.program = pattern(element, "program_name", "program_name_pcre2", of_match=True)
        self.prematch = pattern(element, "prematch", "prematch_pcre2")
        self.prematch_offset = offset(element, "prematch", "prematch_pcre2")
        self.regex = pattern(element, "regex", "pcre2")
        self.regex_offset = offset(element, "regex", "pcre2")
        words = [word.strip() for word in element.joined("order").split(",")]
        self.order = [SAME_FIELD.get(word, word) for word in words]
        self.beyond = any(element.has(name) for name in BEYOND)
        self.children: List[Decoder] = []
        self.more_of_group = False  # whether the next sibling has the same name and works on with this one


def pattern(element: Element, plain: str, perl: str, *, of_match: bool = False) -> Optional[Pattern[str]]:
    """Return the pattern of one of the twins; the plain one wins."""
    if element.has(plain):
        return os_match(element.joined(plain)) if of_match else os_regex(element.joined(plain))
    return pcre2(element.joined(perl)) if element.has(perl) else None


def offset(element: Element, *names: str) -> str:
    return next((child.attributes["offset"] for child in element.named(*names) if "offset" in child.attributes), "")


class Decoders:
    def __init__(self, texts: Sequence[str]) -> None:
        self.with_program: List[Decoder] = []
        self.without_program: List[Decoder] = []
        for text in texts:
            for element in read(text):
                if element.name == "decoder":
                    self.add(Decoder(element))

    def add(self, decoder: Decoder) -> None:
        if not decoder.parent:
            (self.with_program if decoder.program else self.without_program).append(decoder)
            return
        for parent in self.with_program + self.without_program:
            if parent.name == decoder.parent:
                if parent.children and parent.children[-1].name == decoder.name:
                    parent.children[-1].more_of_group = True
                parent.children.append(decoder)

    def decode(self, header: Header) -> Decoded:
        for top in self.without_program if header.program is None else self.with_program:
            if header.program is not None and not (top.program and top.program.search(header.program)):
                continue
            after_parent = 0
            if top.prematch:
                found = top.prematch.search(header.log)
                if not found:
                    continue
                after_parent = found.end()
            return decode_below(top, header.log, after_parent)
        return Decoded("", "syslog", (), {}, beyond=False)


def decode_below(top: Decoder, log: str, after_parent: int) -> Decoded:
    """Choose among the children and find the fields."""
    fields: Dict[str, str] = {}
    siblings, index, after_prematch = [top], 0, after_parent
    final = top
    if top.children:
        siblings = top.children
        chosen = choose(siblings, log, after_parent)
        if chosen is None:
            return answer(top, final, fields, beyond=top.beyond)
        index, after_prematch = chosen
        if siblings[index].prematch:
            final = siblings[index]
    beyond = top.beyond or siblings[index].beyond
    after_regex: Optional[int] = None
    while True:
        node = siblings[index]
        if node.regex is None:
            break
        start = {
            "": 0,
            "after_parent": after_parent,
            "after_prematch": after_prematch,
            "after_regex": after_prematch if after_regex is None else after_regex,
        }[node.regex_offset]
        found = node.regex.search(log[start:])
        after_regex = None
        if found:
            after_regex = start + found.end()
            final = node
            fields.update(zip(node.order, [group for group in found.groups() if group is not None]))
        if not node.more_of_group:
            break
        index += 1
    return answer(top, final, fields, beyond=beyond)


def choose(children: List[Decoder], log: str, after_parent: int) -> Optional[Tuple[int, int]]:
    """Return the index of the first child that has no prematch or whose prematch matches, and where that ends."""
    index = 0
    while index < len(children):
        child = children[index]
        if child.prematch is None:
            return index, after_parent
        start = after_parent if child.prematch_offset == "after_parent" else 0
        found = child.prematch.search(log[start:])
        if found:
            return index, start + found.end()
        while children[index].more_of_group:
            index += 1
        index += 1
    return None


def answer(top: Decoder, final: Decoder, fields: Dict[str, str], *, beyond: bool) -> Decoded:
    name = final.name if final.own_name else top.name
    return Decoded(name, final.kind, final.first_seen, fields, beyond)
