"""Tells of most lines at a glance that they cannot matter: they lack every text that a rule could go by.

For each program there are rules that an event of it can come to at all. Of each such rule that makes an alert or
remembers something, or of one above it, a text is known that must stand in the message, or one of several. A line
that has none of these texts need not even be decoded.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

from ar.detect.decoder import Decoder
from ar.detect.doubts import Programs
from ar.detect.event import brief
from ar.detect.rule import Rule
from ar.detect.ruleset import Ruleset
from ar.patterns.digits import shape as shape_of
from ar.patterns.literals import lower

PROGRAMS_MAX = 1024  # programs are hostile text as well; a full memory is started over


class Sieve:
    """The texts that matter, for each program."""

    def __init__(self, ruleset: Ruleset, programs: Programs) -> None:
        self._ruleset = ruleset
        self._programs = programs
        self._of_program: Dict[str, Optional[Tuple[str, ...]]] = {}

    def rejects(self, program: str, shape: str) -> bool:
        """Tell whether no line of the shape, given in lower case, makes an alert or leaves anything to remember."""
        try:
            texts = self._of_program[brief(program)]
        except KeyError:
            texts = self._of(program)
        if texts is None:
            return False
        for text in texts:  # noqa: SIM110 (this runs for many lines, and any() costs three times as much)
            if text in shape:
                return False
        return True

    def _of(self, program: str) -> Optional[Tuple[str, ...]]:
        """Return the texts to look for in the shapes of a program's lines; None where nothing can be told by them."""
        if len(self._of_program) >= PROGRAMS_MAX:
            self._of_program.clear()
        texts = None if self._programs.are_told_apart(program) else self._find_texts(program)
        found = self._of_program[brief(program)] = None if texts is None else tuple(map(shape_of, texts))
        return found

    def _find_texts(self, program: str) -> Optional[Tuple[str, ...]]:
        decoders = self._decoders_of(program)
        if any(decoder.plugin is not None or decoder.accumulates for decoder in decoders):
            return None  # these can do more than their patterns say
        texts: Set[str] = set()
        names = {"", *(decoder.reported_name for decoder in decoders)}
        for category in {"syslog", *(decoder.category for decoder in decoders)}:
            root = self._ruleset.rules.roots.get(category)
            if root is not None and not _collect(root, program, names, texts):
                return None
        return _fewest(texts)

    def _decoders_of(self, program: str) -> List[Decoder]:
        """Return the decoders that may take a line of the program, and those below them."""
        tops = self._ruleset.decoders.tried_for(program)
        return [*tops, *(child for top in tops for child in top.children)]


def _fewest(texts: Set[str]) -> Tuple[str, ...]:
    """Leave out each text that another one stands in."""
    fewest: List[str] = []
    for text in sorted(texts, key=len):
        if not any(other in text for other in fewest):
            fewest.append(text)
    return tuple(sorted(fewest))


def _collect(rule: Rule, program: str, names: Set[str], texts: Set[str]) -> bool:
    """Add the texts of the rule and of those below it; False when one that matters can match without a text."""
    if not any(rule.may_see(name, program, lower(program)) for name in names) or not _leads_on(rule):
        return True
    literals = next((asked.literals for asked in rule.in_order if asked.literals), ())
    if literals:
        texts.update(literals)
        return True
    return not rule.matters and all(_collect(child, program, names, texts) for child in rule.children)


def _leads_on(rule: Rule) -> bool:
    return rule.matters or any(map(_leads_on, rule.children))
