"""Tells of most lines at a glance that they cannot matter: they lack every text that a rule could go by.

For each program there are rules that an event of it can come to at all. Of each such rule that makes an alert or
remembers something, or of one above it, a text is known that must stand in the message, or one of several. A line
that has none of these texts need not even be decoded.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ar.detect.decoder import Decoder
from ar.detect.doubts import Programs
from ar.detect.event import Event, brief
from ar.detect.header import program_of
from ar.detect.rule import Rule
from ar.detect.ruleset import Ruleset
from ar.patterns.digits import shape as shape_of
from ar.patterns.literals import lower

PROGRAMS_MAX = 1024  # programs are hostile text as well; a full memory is started over


class Texts(NamedTuple):
    """What to look for in the lines of a program, and what in their shapes; None where nothing can be told by it."""

    in_line: Optional[Tuple[str, ...]]
    in_shape: Optional[Tuple[str, ...]]


class Sieve:
    """The texts that matter, for each program."""

    def __init__(self, ruleset: Ruleset, programs: Programs) -> None:
        self._ruleset = ruleset
        self._programs = programs
        self._of_program: Dict[str, Texts] = {}

    def rejects(self, line: str) -> bool:
        """Tell whether the line makes no alert and leaves nothing to remember."""
        if not line.isprintable():
            return False  # without its control characters it has other texts
        program = program_of(line)
        return _has_none((self._of_program.get(brief(program)) or self._of(program)).in_line, lower(line))

    def rejects_all_like(self, event: Event) -> bool:
        """Tell the same of all events of the event's shape; it need not be decoded."""
        texts = self._of_program.get(brief(event.program)) or self._of(event.program)
        return _has_none(texts.in_shape, shape_of(event.lowered))

    def _of(self, program: str) -> Texts:
        if len(self._of_program) >= PROGRAMS_MAX:
            self._of_program.clear()
        texts = self._find_texts(program)
        of_shape: Optional[Tuple[str, ...]] = None
        if texts is not None and not self._programs.are_told_apart(program):
            of_shape = tuple(map(shape_of, texts))
        found = self._of_program[brief(program)] = Texts(texts, of_shape)
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
        return tuple(sorted(text for text in texts if not any(other in text for other in texts - {text})))

    def _decoders_of(self, program: str) -> List[Decoder]:
        """Return the decoders that may take a line of the program, and those below them."""
        tops = self._ruleset.decoders.tried_for(program)
        return [*tops, *(child for top in tops for child in top.children)]


def _has_none(texts: Optional[Tuple[str, ...]], lowered: str) -> bool:
    if texts is None:
        return False
    for text in texts:  # noqa: SIM110 (this runs for many lines, and any() costs three times as much)
        if text in lowered:
            return False
    return True


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
