r"""Reads OSSEC's dialect of XML into elements that remember their line.

OSSEC's reader (os_xml.c) knows several roots in one file, `\<` for a less-than sign inside a pattern, a bare
`&`, and comments as `<!-- … -->` (double dashes inside allowed) or `<! … !>`. All of that is turned into
plain XML of the same line count, which defusedxml then reads; entities are decoded as XML says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional
from xml.parsers.expat import ErrorString

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, XMLParser

from ar.errors import ConfigError, Mistake, Place

DEPTH_MAX = 32
STRAY_TEXT = "#text"
_ROOTS = "ar-roots"
_COMMENT = re.compile(r"<!--.*?-->|<!\s.*?!>|<\?xml.*?\?>", re.DOTALL)
_VARIABLE = re.compile(r"\$([^.|, $]+)")
_DEFINITION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_NOT_WELL_FORMED = "not well-formed (invalid token)"  # expat's words for the commonest mistake of all
_A_TAG = '`\\<` for the sign itself, or a tag such as <name> or <name attribute="value">'
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass
class Element:
    """One element: its name, attributes, own text (children's text left out), children, and place."""

    name: str
    place: Place
    attributes: Dict[str, str] = field(default_factory=dict)
    children: List[Element] = field(default_factory=list)
    text: str = ""

    def named(self, name: str) -> Iterator[Element]:
        """Yield the children of that name, in order."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Optional[Element]:
        """Return the first child of that name, or None."""
        for child in self.children:  # a rule is asked for some sixty names, so this is what loading mostly does
            if child.name == name:
                return child
        return None

    def joined(self, name: str) -> str:
        """Return the texts of all children of that name joined as OSSEC does: with nothing between."""
        return "".join(child.text for child in self.named(name))


def parse(text: str, file: str) -> List[Element]:
    """Return the root elements of `text`, whose name in messages is `file`.

    Text outside any root (OSSEC's reader skips it; its own decoder.xml has some) becomes a root named
    STRAY_TEXT, for the caller to judge. Raises ConfigError with one mistake, at its line, when the text is
    not XML of that dialect.
    """
    definition = _DEFINITION.search(text)
    if definition:
        line = text.count("\n", 0, definition.start()) + 1
        _refuse(Place(file, line), "a document type or entity definition", "elements only")
    reader = _Reader(file)
    try:
        reader.parser.feed(_plain(text).encode("utf-8", "replace"))
        reader.parser.close()
    except ParseError as error:
        _refuse(Place(file, error.position[0]), *reader.explain(ErrorString(error.code)))
    except DefusedXmlException as error:
        _refuse(Place(file), f"forbidden XML ({type(error).__name__})", "elements only")
    return reader.roots


def expand_variables(roots: List[Element]) -> List[Element]:
    """Return the roots without `<var name="X">`, with each `$X` in texts and attributes replaced by its value.

    As in OSSEC a name ends at `.`, `|`, `,`, a space, `$` or the end of the text and nowhere else, upper and lower case
    are the same, and of two equal names the first counts; an unknown `$X` stays as it is.
    """
    values: Dict[str, str] = {}
    for root in roots:
        if root.name == "var":
            values.setdefault(root.attributes.get("name", "").strip().lower(), root.text)
    kept = [root for root in roots if root.name != "var"]
    if values:
        for root in kept:
            _expand(root, values)
    return kept


def _expand(element: Element, values: Dict[str, str]) -> None:
    element.text = _expanded(element.text, values)
    for name, value in element.attributes.items():
        element.attributes[name] = _expanded(value, values)
    for child in element.children:
        _expand(child, values)


def _expanded(text: str, values: Dict[str, str]) -> str:
    if "$" not in text:
        return text
    return _VARIABLE.sub(lambda match: values.get(match[1].lower(), match[0]), text)


def _plain(text: str) -> str:
    text = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    text = _FORBIDDEN.sub(" ", text.replace("\ufeff", "").replace("\\<", "\\&lt;"))
    return f"<{_ROOTS}>{_BARE_AMPERSAND.sub('&amp;', text)}</{_ROOTS}>"


def _refuse(place: Place, what: str, expected: str) -> None:
    raise ConfigError([Mistake(place, what, expected)])


class _Reader:
    """Builds the elements while the XML parser walks the text; its methods are the parser's target.

    The parser is ElementTree's and not xml.sax's, which imports urllib.request and with it HTTP, mail and TLS:
    a third of the executable's size and of its start.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: List[Element] = []
        self.roots: List[Element] = []
        self.parser = XMLParser(target=self, forbid_dtd=True)

    def start(self, name: str, attributes: Dict[str, str]) -> None:
        place = self._place()
        if len(self._open) >= DEPTH_MAX:
            _refuse(place, f"<{name}> stands deeper than {DEPTH_MAX} levels", "flat configuration")
        element = Element(name, place, dict(attributes))
        if len(self._open) == 1:
            self.roots.append(element)
        elif self._open:
            self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, content: str) -> None:
        if len(self._open) > 1:
            self._open[-1].text += content
        elif content.strip():
            end = self._place()  # the parser hands text over when it has reached what follows
            start = end._replace(line=end.line - content.lstrip().count("\n"))
            self.roots.append(Element(STRAY_TEXT, start, text=content.strip()))

    def _place(self) -> Place:
        return Place(self._file, self.parser.parser.CurrentLineNumber)

    def explain(self, message: str) -> tuple[str, str]:
        """Return what is wrong and what was expected, for the XML parser's `message`."""
        if message == _NOT_WELL_FORMED:
            return "broken XML: a `<` that starts no element, or a tag that is not complete", _A_TAG
        if len(self._open) > 1:
            last = self._open[-1]
            return f"broken XML ({message})", f"</{last.name}> to close <{last.name}> of line {last.place.line}"
        return f"broken XML ({message})", "elements such as <name>text</name>, each closed once"
