r"""OSSEC's three pattern dialects, each compiled once into what Python matches fast.

`<regex>` is OS_Regex (os_regex.c), `<match>` is OS_Match (os_match.c), the `_pcre2` twins are PCRE2. All ignore
case and search anywhere unless `^` says otherwise. A pattern is first cut into tokens; from them come the
Python expression, the warning about nested quantifiers, and the literals that must stand in any matching
text: most lines are told apart by a plain substring test and never reach an expression.
"""

from __future__ import annotations

import re
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ar.pcre2 import PatternError, Token, tokenize_pcre2

__all__ = [
    "Expression", "Matcher", "PatternError", "compile_match", "compile_regex", "compile_words",
    "match_expression", "pcre2_expression", "regex_expression",
]  # fmt: skip

PATTERN_BYTES_MAX = 2048  # OS_Regex and OS_Match refuse longer ones
_LITERAL_LENGTH_MIN = 2  # a shorter literal stands in nearly every line, so looking for it saves nothing

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


class Literal(NamedTuple):
    """Text in lower case that must stand in a matching text, `at_start` or `at_end` of it or anywhere."""

    text: str
    at_start: bool = False
    at_end: bool = False


class Matcher:
    """A pattern that is only literals, as OS_Match's all are; `search` tells whether one of them stands in a text."""

    __slots__ = ("_test", "literals")

    def __init__(self, literals: Sequence[Literal]) -> None:
        self.literals = tuple(literals)
        self._test = _literal_test(self.literals)

    def search(self, text: str) -> Optional[bool]:
        return self._test(text.lower()) or None


class Expression:
    """One compiled pattern. `literals` tell whether it can match; when `exact` they tell that it does.

    `pattern` is None for OS_Match, which has nothing but literals; `literals` is None when none are known.
    """

    __slots__ = ("exact", "literals", "pattern", "slow")

    def __init__(
        self, pattern: Optional[re.Pattern[str]], literals: Optional[Tuple[Literal, ...]], *, exact: bool, slow: bool
    ) -> None:
        self.pattern = pattern
        self.literals = literals
        self.exact = exact
        self.slow = slow  # nested quantifiers: a hostile line can make it take very long

    def tester(self) -> Callable[[str, str], bool]:
        """Return a function of a text and the same text in lower case that tells whether the pattern matches."""
        pattern = self.pattern
        if self.literals is not None:
            possible = _literal_test(self.literals)
            if self.exact or pattern is None:
                return lambda text, lowered: possible(lowered)  # noqa: ARG005 (one signature for all testers)
            search = pattern.search
            return lambda text, lowered: possible(lowered) and search(text) is not None
        assert pattern is not None  # noqa: S101 (an expression has literals or a pattern)
        search = pattern.search
        return lambda text, lowered: search(text) is not None  # noqa: ARG005 (one signature for all testers)


def compile_regex(pattern: str) -> re.Pattern[str]:
    """Compile OS_Regex. Raises PatternError."""
    return _compile(_tokenize_regex(pattern))


def compile_match(pattern: str) -> Matcher:
    """Compile OS_Match: literal text with `|`, and `^` and `$` at the ends of an alternative. Raises PatternError."""
    return Matcher(_match_literals(pattern))


def compile_words(pattern: str) -> Matcher:
    """Compile OS_WordMatch, which `<if_group>` uses: literal text, `|` alternatives, a leading `^`."""
    words = pattern.lower().split("|")
    return Matcher([Literal(word[1:], at_start=True) if word.startswith("^") else Literal(word) for word in words])


def regex_expression(pattern: str) -> Expression:
    """Compile OS_Regex with its literals. Raises PatternError."""
    return _expression(_tokenize_regex(pattern))


def pcre2_expression(pattern: str) -> Expression:
    """Compile PCRE2 with its literals, caseless as OSSEC compiles it.

    Raises PatternError, also for what Python's `re` cannot do.
    """
    return _expression(tokenize_pcre2(pattern))


def match_expression(pattern: str) -> Expression:
    """Compile OS_Match as an expression. Raises PatternError."""
    return Expression(None, _match_literals(pattern), exact=True, slow=False)


def _match_literals(pattern: str) -> Tuple[Literal, ...]:
    if len(pattern.encode("utf-8", "replace")) > PATTERN_BYTES_MAX:
        raise PatternError(f"longer than {PATTERN_BYTES_MAX} bytes")
    literals = []
    for alternative in pattern.lower().split("|"):
        body = alternative.lstrip("^")
        text = body.rstrip("$")
        if "^" in text or "$" in text:
            continue  # an anchor in the middle can never match
        literals.append(Literal(text, at_start=body != alternative, at_end=text != body))
    return tuple(literals)


def _literal_test(literals: Tuple[Literal, ...]) -> Callable[[str], bool]:
    """Return the fastest test whether one of the literals stands in a text in lower case."""
    within = tuple(literal.text for literal in literals if not literal.at_start and not literal.at_end)
    starts = tuple(literal.text for literal in literals if literal.at_start and not literal.at_end)
    ends = tuple(literal.text for literal in literals if literal.at_end and not literal.at_start)
    wholes = frozenset(literal.text for literal in literals if literal.at_start and literal.at_end)
    if len(within) == len(literals) == 1:
        only = within[0]
        return lambda lowered: only in lowered
    if len(starts) == len(literals):
        return lambda lowered: lowered.startswith(starts)
    if not within and not starts and not ends:
        return wholes.__contains__

    def stands(lowered: str) -> bool:
        if lowered.startswith(starts) or lowered.endswith(ends) or lowered in wholes:
            return True
        for text in within:  # noqa: SIM110 (this runs for every line, and any() costs three times as much)
            if text in lowered:
                return True
        return False

    return stands


def _expression(tokens: List[Token]) -> Expression:
    literals, exact = _literals_of(tokens)
    return Expression(_compile(tokens), literals, exact=exact, slow=_nests_quantifiers(tokens))


def _compile(tokens: List[Token]) -> re.Pattern[str]:
    text = "".join(token.python for token in tokens)
    flags = re.IGNORECASE
    if text.isascii():
        flags |= re.ASCII  # PCRE2's \w, \d, \s and \b know ASCII only, and so do most patterns
    try:
        return re.compile(text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(str(error)) from error


def _tokenize_regex(pattern: str) -> List[Token]:
    if len(pattern.encode("utf-8", "replace")) > PATTERN_BYTES_MAX:
        raise PatternError(f"longer than {PATTERN_BYTES_MAX} bytes")
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


def _literals_of(tokens: List[Token]) -> Tuple[Optional[Tuple[Literal, ...]], bool]:
    """Return one literal for each alternative (None: one has none), and whether the pattern is just these."""
    if not all(token.python.isascii() for token in tokens):
        return None, False  # such a pattern is compiled without re.ASCII, and folds case in ways of its own
    alternatives: List[List[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "opaque":
            return None, False
        depth += (token.kind == "open") - (token.kind == "close")
        if token.kind == "bar" and depth == 0:
            alternatives.append([])
        elif depth == 0 or token.kind == "open":
            alternatives[-1].append(token)
    literals = []
    exact = True
    for alternative in alternatives:
        literal, whole = _longest_literal(alternative)
        if literal is None:
            return None, False
        literals.append(literal)
        exact = exact and whole
    return tuple(literals), exact


def _longest_literal(tokens: List[Token]) -> Tuple[Optional[Literal], bool]:
    at_start = bool(tokens) and tokens[0].kind == "start"
    at_end = bool(tokens) and tokens[-1].kind == "end"
    inner = tokens[at_start : len(tokens) - at_end]
    if inner and all(token.kind == "char" for token in inner):
        text = "".join(token.literal for token in inner).lower()
        return (Literal(text, at_start, at_end), True) if text.isascii() else (None, False)
    best = run = ""
    best_at_start = run_at_start = at_start
    for index, token in enumerate([*inner, Token("set", "")]):
        if token.kind == "char" and token.literal.isascii():
            following = inner[index + 1] if index + 1 < len(inner) else None
            optional = following is not None and following.kind == "repeat" and following.python[0] in "*?{"
            if not optional:
                run += token.literal.lower()
                continue
        if len(run) > len(best):
            best, best_at_start = run, run_at_start
        run, run_at_start = "", False
    return (Literal(best, best_at_start), False) if len(best) >= _LITERAL_LENGTH_MIN else (None, False)


def _nests_quantifiers(tokens: List[Token]) -> bool:
    """Tell whether a group that repeats without bound is itself repeated without bound."""
    open_groups = [False]
    closed = False  # the token before closed a group that repeats inside
    for token in tokens:
        if token.kind == "open":
            open_groups.append(False)
        if token.kind == "repeat" and (token.python[0] in "*+" or re.match(r"\{\d+,\}", token.python)):
            if closed:
                return True
            open_groups[-1] = True
        closed = False
        if token.kind == "close" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] = open_groups[-1] or closed
    return False
