"""OSSEC's XML for the reference model: elements with their attributes, text and children, read in the plainest way."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List

COMMENT = re.compile(r"<!--.*?-->|<\?.*?\?>|<!.*?!>", re.DOTALL)
TAG = re.compile(r"""\\<|<(/?)([A-Za-z_][\w.-]*)((?:\s+[\w.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?)>""")
ATTRIBUTE = re.compile(r"""([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
VARIABLE_ENDS = ".|, $"


class Element:
    def __init__(self, name: str, attributes: Dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text = ""
        self.children: List[Element] = []

    def named(self, *names: str) -> Iterator[Element]:
        return (child for child in self.children if child.name in names)

    def joined(self, name: str) -> str:
        """Return the texts of the children of this name: repeated elements are one text."""
        return "".join(child.text for child in self.named(name))

    def has(self, name: str) -> bool:
        return any(True for _ in self.named(name))


def decoded(text: str) -> str:
    for entity, char in ENTITIES.items():
        text = text.replace(entity, char)
    return text


def read(text: str) -> List[Element]:
    """Return the root elements of a file, its variables put in."""
    text = COMMENT.sub("", text)
    top = Element("", {})
    open_elements = [top]
    end = 0
    for tag in TAG.finditer(text):
        if tag[0] == "\\<":
            continue  # both characters belong to the text
        open_elements[-1].text += decoded(text[end : tag.start()])
        end = tag.end()
        if tag[1]:
            closed = open_elements.pop()
            assert closed.name == tag[2], (closed.name, tag[2])
            continue
        pairs = {name: decoded(one or other) for name, one, other in ATTRIBUTE.findall(tag[3])}
        element = Element(tag[2], pairs)
        open_elements[-1].children.append(element)
        if not tag[4]:
            open_elements.append(element)
    assert open_elements == [top]
    put_variables(top, {var.attributes["name"]: var.text for var in top.named("var")})
    return [element for element in top.children if element.name != "var"]


def put_variables(element: Element, variables: Dict[str, str]) -> None:
    element.text = expanded(element.text, variables)
    element.attributes = {name: expanded(value, variables) for name, value in element.attributes.items()}
    for child in element.children:
        put_variables(child, variables)


def expanded(text: str, variables: Dict[str, str]) -> str:
    """Replace `$NAME` where the name ends at `.`, `|`, `,`, a space, `$` or the end of the text."""
    result = ""
    at = 0
    while at < len(text):
        if text[at] == "$":
            end = at + 1
            while end < len(text) and text[end] not in VARIABLE_ENDS:
                end += 1
            if text[at + 1 : end] in variables:
                result += variables[text[at + 1 : end]]
                at = end
                continue
        result += text[at]
        at += 1
    return result
