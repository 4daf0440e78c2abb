"""Loads decoders and rules from the texts of their files; every mistake in them is collected, none is raised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Sequence

from ar.detect.decoder import Decoders
from ar.detect.decoder_file import DecoderReader
from ar.detect.findings import Findings
from ar.detect.lists import Lists
from ar.detect.rule import Rules
from ar.detect.rule_file import RuleReader
from ar.errors import ConfigError, Mistake
from ar.ossecxml import Element, expand_variables, parse


@dataclass(frozen=True)
class Text:
    """One file: its name as messages show it, and its content."""

    name: str
    text: str


@dataclass
class Ruleset:
    """Decoders and rules, compiled. With `mistakes` it is what is left when these are passed over."""

    decoders: Decoders = field(default_factory=Decoders)
    rules: Rules = field(default_factory=Rules)
    mistakes: List[Mistake] = field(default_factory=list)
    warnings: List[Mistake] = field(default_factory=list)


def load(decoder_texts: Sequence[Text], rule_texts: Sequence[Text], lists: Optional[Lists] = None) -> Ruleset:
    """Return the ruleset of these files, read in this order: a rule finds its parents only in what was read before.

    `lists` are the configured ones that rules may name; by default none.
    """
    findings = Findings()
    decoders, rules = Decoders(), Rules()
    decoder_reader = DecoderReader(decoders, findings)
    for text in decoder_texts:
        decoder_reader.read(_roots(text, findings))
    decoders.compile()
    rule_reader = RuleReader(rules, decoders, lists or {}, findings)
    for text in rule_texts:
        rule_reader.read(_roots(text, findings))
    return Ruleset(decoders, rules, findings.mistakes, findings.warnings)


def _roots(text: Text, findings: Findings) -> List[Element]:
    try:
        return expand_variables(parse(text.text, text.name))
    except ConfigError as error:
        findings.mistakes.extend(error.mistakes)
        return []
