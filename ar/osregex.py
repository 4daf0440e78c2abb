r"""OSSEC's three pattern dialects, each compiled once into what Python matches fast.

`<regex>` is OS_Regex (os_regex.c), `<match>` is OS_Match (os_match.c), the `_pcre2` twins are PCRE2. All ignore
case and search anywhere unless `^` says otherwise. OS_Match is nothing but literals. The others are first cut into
tokens; from them come the Python expression, what is known of its cost, and the literals that must stand in any
matching text: most lines are told apart by a plain substring test and never reach an expression.
"""

from __future__ import annotations

import re
from math import inf
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from ar.patterns.digits import collapsed, is_blind, relax, shape
from ar.patterns.literals import Literal, literal_test, literals_of, lower
from ar.patterns.pattern import Pattern, Tokenize, compile_tokens, nests_quantifiers
from ar.patterns.runs import counts_digits, loosen
from ar.pcre2 import PatternError, Token, tokenize_pcre2

__all__ = [
    "Expression", "Literal", "Matcher", "PatternError", "compile_match", "compile_regex", "compile_words",
    "match_expression", "pcre2_expression", "regex_expression",
]  # fmt: skip

PATTERN_BYTES_MAX = 2048  # OS_Regex and OS_Match refuse longer ones

_PUNCTUATION = "()*+,.:;<=>?[]!\"'#%&$|{}-"
_CLASSES = {
    "w": "[A-Za-z0-9@_-]",
    "d": "[0-9]",
    "s": "[ ]",
    "t": "[\t]",
    "p": "[" + re.escape(_PUNCTUATION) + "]",
    "W": "[^A-Za-z0-9@_-]",
    "D": "[^0-9]",
    "S": "[^ ]",
    ".": "(?s:.)",
}
_ESCAPED_LITERALS = "\\$()[]{}|<"


class Matcher:
    """A pattern that is only literals, as OS_Match's all are; `search` tells whether one of them stands in a text."""

    __slots__ = ("_test", "literals")

    def __init__(self, literals: Sequence[Literal]) -> None:
        self.literals = tuple(literals)
        self._test = literal_test(self.literals)

    def search(self, text: str) -> Optional[bool]:
        return self._test(lower(text)) or None


class Expression:
    """One pattern. `literals` tell whether it can match; when `exact` they tell that it does.

    `pattern` is None for OS_Match, which has nothing but literals; `literals` is None when none are known. `blind`
    tells that it cannot tell ASCII digits apart: it finds the same in a text and in the text's shape, in which each
    digit is `0`. `slow` tells of nested quantifiers, with which a long line is matched in a slower way.
    """

    __slots__ = ("_counts_digits", "_tokenize", "blind", "exact", "literals", "pattern", "slow")

    def __init__(
        self,
        pattern: Optional[Pattern],
        literals: Optional[Tuple[Literal, ...]],
        tokenize: Optional[Tokenize] = None,
        *,
        exact: bool,
        slow: bool,
        blind: bool,
    ) -> None:
        self.pattern = pattern
        self.literals = literals
        self.exact = exact
        self.slow = slow
        self.blind = blind
        self._tokenize = tokenize
        self._counts_digits: Optional[bool] = None

    def tester(self) -> Callable[[str, str], bool]:
        """Return a function of a text and the same text in lower case that tells whether the pattern matches."""
        pattern, literals = self.pattern, self.literals
        if literals is None:
            assert pattern is not None  # noqa: S101 (an expression has literals or a pattern)
            return lambda text, lowered: pattern.search(text) is not None  # noqa: ARG005 (one signature for all)
        possible = literal_test(literals)
        if self.exact or pattern is None:
            return lambda text, lowered: possible(lowered)  # noqa: ARG005 (same)
        return lambda text, lowered: possible(lowered) and pattern.search(text) is not None

    def tokens(self) -> Sequence[Token]:
        """Return the tokens of the pattern; there are none of an OS_Match."""
        return self._tokenize() if self._tokenize is not None else ()

    @property
    def counts_digits(self) -> bool:
        """Whether it can tell digits apart, or how many stand in a row, for all that is known."""
        if self._counts_digits is None:
            is_whole = self.pattern is None or self.pattern.chars_max is None
            self._counts_digits = not (self.blind and is_whole) or (
                self._tokenize is not None and counts_digits(self._tokenize())
            )
        return self._counts_digits

    def relaxed(self) -> Optional[Expression]:
        """Return an expression that matches the shape of each text that this one matches; None when none is known.

        None too when it would take for ever or search less of a text, since only digits keep its parts from each other.
        """
        if self.blind:
            return self
        if self._tokenize is None:
            literals = [literal._replace(text=shape(literal.text)) for literal in self.literals or ()]
            return Expression(None, tuple(dict.fromkeys(literals)), exact=True, slow=False, blind=False)
        return self._widened(relax(self._tokenize()))

    def loosened(self) -> Optional[Expression]:
        """Return an expression that matches each text that this one matches with each run of digits made one `0`.

        None as with `relaxed`.
        """
        if not self.counts_digits:
            return self
        if self._tokenize is None:
            literals = [literal._replace(text=collapsed(literal.text)) for literal in self.literals or ()]
            return Expression(None, tuple(dict.fromkeys(literals)), exact=True, slow=False, blind=False)
        tokens = relax(self._tokenize())
        return self._widened(loosen(tokens) if tokens is not None else None)

    def _widened(self, tokens: Optional[List[Token]]) -> Optional[Expression]:
        """Return the expression of tokens that match more than this one, None where less of a text is searched."""
        if tokens is None:
            return None
        try:
            found = _expression(lambda: tokens)
        except PatternError:
            return None
        return found if _searched(found) >= _searched(self) else None


def compile_regex(pattern: str) -> re.Pattern[str]:
    """Compile OS_Regex for texts that nobody hostile has written. Raises PatternError."""
    return compile_tokens(_tokenize_regex(pattern))


def compile_match(pattern: str) -> Matcher:
    """Compile OS_Match: literal text with `|`, and `^` and `$` at the ends of an alternative. Raises PatternError."""
    return Matcher(_match_literals(pattern))


def compile_words(pattern: str) -> Matcher:
    """Compile OS_WordMatch, which `<if_group>` uses: literal text, `|` alternatives, a leading `^`."""
    words = lower(pattern).split("|")
    return Matcher([Literal(word[1:], at_start=True) if word.startswith("^") else Literal(word) for word in words])


def regex_expression(pattern: str) -> Expression:
    """Compile OS_Regex with its literals. Raises PatternError."""
    return _expression(lambda: _tokenize_regex(pattern))


def pcre2_expression(pattern: str) -> Expression:
    """Compile PCRE2 with its literals, caseless as OSSEC compiles it.

    Raises PatternError, also for what Python's `re` cannot do.
    """
    return _expression(lambda: tokenize_pcre2(pattern))


def match_expression(pattern: str) -> Expression:
    """Compile OS_Match as an expression. Raises PatternError."""
    literals = _match_literals(pattern)
    blind = "0" not in shape("".join(literal.text for literal in literals))
    return Expression(None, literals, exact=True, slow=False, blind=blind)


def _refuse_too_long(pattern: str) -> None:
    if len(pattern.encode("utf-8", "replace")) > PATTERN_BYTES_MAX:
        raise PatternError(f"longer than {PATTERN_BYTES_MAX} bytes")


def _match_literals(pattern: str) -> Tuple[Literal, ...]:
    _refuse_too_long(pattern)
    literals = []
    for alternative in lower(pattern).split("|"):
        body = alternative.lstrip("^")
        text = body.rstrip("$")
        if "^" in text or "$" in text:
            continue  # an anchor in the middle can never match
        literals.append(Literal(text, at_start=body != alternative, at_end=text != body))
    return tuple(literals)


def _expression(tokenize: Tokenize) -> Expression:
    tokens = tokenize()
    pattern = Pattern(tokens, tokenize)
    literals, exact = literals_of(tokens)
    slow = nests_quantifiers(tokens)
    return Expression(pattern, literals, tokenize, exact=exact, slow=slow, blind=is_blind(tokens))


def _searched(expression: Expression) -> float:
    """Return in how many characters of a text the expression is searched for."""
    chars_max = expression.pattern.chars_max if expression.pattern is not None else None
    return inf if chars_max is None else chars_max


def _tokenize_regex(pattern: str) -> List[Token]:
    _refuse_too_long(pattern)
    return list(_regex_tokens(pattern))


def _regex_tokens(pattern: str) -> Iterator[Token]:
    special = {"^": Token("start", "^"), "$": Token("end", r"\Z"), "|": Token("bar", "|")}
    special.update({"(": Token("open", "("), ")": Token("close", ")")})
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char != "\\":
            yield special.get(char) or Token("char", re.escape(char), char)
            continue
        name = pattern[at : at + 1]
        at += 1
        if name in _CLASSES:
            yield Token("set", _CLASSES[name])
            if pattern[at : at + 1] in {"+", "*"}:
                lazy = "" if re.match(r"\)*(?:$|[|$])", pattern[at + 1 :]) else "?"
                yield Token("repeat", pattern[at] + lazy)
                at += 1
        elif name and name in _ESCAPED_LITERALS:
            yield Token("char", re.escape(name), name)
        else:
            raise PatternError(f"unknown escape \\{name} at character {at - 1}")
