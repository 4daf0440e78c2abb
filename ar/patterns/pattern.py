r"""A pattern as it is searched for: by Python's `re` as far as no text can make that slow, beyond it in another way.

Backtracking is the fastest there is on nearly all lines, and can be made to take for ever by a line written for it. So
each pattern is asked once how long a text `re` may be given (see cost): most patterns may be given any. A longer text
is matched at all its places at once (see parallel), with the same result, at ten times the price of an ordinary search.
What cannot be matched so (back references, `(?>…)`, `X++`, groups that repeat inside others) is only searched for in as
much of a text as `re` may be given; `chars_max` says how much that is, and `check` warns of it. One of these for which
no length is safe is refused.

All this, compiling included, is put off to the first search: of a thousand patterns a host uses some dozens. So a
pattern is looked at first, whether it will compile; if that is not certain, it is compiled at once.
"""

from __future__ import annotations

import re
from typing import Callable, Optional, Sequence, Tuple, Union

from ar.patterns.charset import compile_set
from ar.patterns.cost import CHARS_MAX, chars_bearable
from ar.patterns.parallel import Found, ParallelPattern, parallel_pattern
from ar.patterns.tree import tree_of
from ar.pcre2 import PatternError, Token

Match = Union[Found, re.Match[str]]
Tokenize = Callable[[], Sequence[Token]]
Search = Callable[[str], Optional[Match]]

LARGE_CHARS_MAX = (
    512  # what is searched for a pattern that is too large to be looked into, and repeats nothing for ever
)
_DEPTH_MAX = 100  # of groups in groups
_PLAIN_GROUPS = ("(", "(?:", "(?=", "(?!")
_TOKENS_WAITING_MAX = 1000  # a longer pattern is looked into at once: it may be too large for what is done with it
NEVER = Token("end", "(?!)")  # a place that no text has
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})\??")
_REPEATED = ("close", "repeat")
_NEVER_QUANTIFIED = {"", "start", "end", "open", "bar", "repeat", "assert"}


class Pattern:
    """A pattern that is compiled when it is first searched for; `search` is then the compiled one's own.

    So `search` is asked for anew at each use. Tokens are made twice and not kept: a ruleset's take over a megabyte.
    """

    __slots__ = ("_ready", "_tokenize", "chars_max", "groups", "search")

    def __init__(self, tokens: Sequence[Token], tokenize: Tokenize) -> None:
        """Take the tokens, and what makes them anew. Raises PatternError."""
        self._tokenize = tokenize
        self._ready = False
        self.search: Search = self._search_first
        self.groups = sum(token.kind == "open" and (token.python == "(" or "P<" in token.python) for token in tokens)
        self.chars_max: Optional[int] = None  # so much of a text is searched at most; None: all
        certain = _surely_compiles(tokens)
        if not certain:
            compile_tokens(tokens)
        can_wait = certain and not _repeats_groups(tokens)
        can_wait = can_wait or (not _multiplies(tokens) and _is_matched_in_parallel(tokens))
        if (
            not can_wait or len(tokens) > _TOKENS_WAITING_MAX
        ):  # it may have a `chars_max`, or be refused, which `check` has to know
            self.search, self.chars_max = _searches(tokens, self.groups)
            self._ready = True

    def _search_first(self, text: str) -> Optional[Match]:
        if not self._ready:
            self.search, self.chars_max = _searches(self._tokenize(), self.groups)
            self._ready = True
        return self.search(text)


def compile_tokens(tokens: Sequence[Token]) -> re.Pattern[str]:
    """Compile a pattern for `re`. Raises PatternError."""
    text = "".join(token.python for token in tokens)
    flags = re.IGNORECASE
    if text.isascii():
        flags |= re.ASCII  # PCRE2's \w, \d, \s and \b know ASCII only, and so do most patterns
    try:
        return re.compile(text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(str(error)) from error


def nests_quantifiers(tokens: Sequence[Token]) -> bool:
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


def _surely_compiles(tokens: Sequence[Token]) -> bool:
    """Tell whether compiling can be put off; False: it must be seen. Raises PatternError."""
    depth = 0
    certain = True
    before = ""
    for token in tokens:
        kind = token.kind
        if kind == "set":
            compile_set(token.python, in_ascii=token.python.isascii())
        elif kind == "open":
            depth += 1
            if depth > _DEPTH_MAX:
                raise PatternError(f"more than {_DEPTH_MAX} groups in each other")
            certain = certain and token.python in _PLAIN_GROUPS
        elif kind == "close":
            depth -= 1
        elif kind == "repeat":
            certain = certain and before not in _NEVER_QUANTIFIED and _is_quantifier(token.python)
        certain = certain and depth >= 0 and kind != "opaque"
        before = kind
    return certain and depth == 0


def _is_quantifier(text: str) -> bool:
    """Tell whether it surely is one, its numbers in order."""
    match = _QUANTIFIER.fullmatch(text)
    return match is not None and (match[3] is None or int(match[1]) <= int(match[3]))


def _repeats_without_bound(tokens: Sequence[Token]) -> bool:
    repeats = (token.python for token in tokens if token.kind == "repeat")
    return any(text[0] in "*+" or re.match(r"\{\d+,\}", text) for text in repeats)


def _repeats_groups(tokens: Sequence[Token], signs: str = "*+?{") -> bool:
    """Tell whether a group is repeated by a quantifier that begins with one of the signs."""
    quantifiers = (token.python for before, token in zip(tokens, tokens[1:]) if (before.kind, token.kind) == _REPEATED)
    return any(quantifier[0] in signs for quantifier in quantifiers)


def _multiplies(tokens: Sequence[Token]) -> bool:
    """Tell whether a group that repeats a counted number of times is in another such: written out they are many."""
    open_groups = [False]
    closed = False  # the token before closed a group that holds a counted one
    before = ""
    for token in tokens:
        if token.kind == "open":
            open_groups.append(False)
        counted = (before, token.kind) == _REPEATED and token.python[0] == "{"
        if counted and closed:
            return True
        open_groups[-1] = open_groups[-1] or counted
        closed = False
        if token.kind == "close" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] = open_groups[-1] or closed
        before = token.kind
    return False


def _is_matched_in_parallel(tokens: Sequence[Token]) -> bool:
    """Tell whether it can be matched at all places at once, so that nobody is warned of it."""
    tree = tree_of(tokens)
    return tree is not None and parallel_pattern(tree, 0, in_ascii=True) is not None


def _searches(tokens: Sequence[Token], groups: int) -> Tuple[Search, Optional[int]]:
    """Return how the pattern is searched for, and in how many characters at most. Raises PatternError."""
    search = compile_tokens(tokens).search
    tree = tree_of(tokens)
    bearable = chars_bearable(tree) if tree is not None else 0
    if bearable >= CHARS_MAX:
        return search, None
    in_ascii = all(token.python.isascii() for token in tokens)
    parallel = parallel_pattern(tree, groups, in_ascii=in_ascii) if tree is not None else None
    if parallel is not None:
        return _either(search, bearable, parallel), None
    if not bearable and not _repeats_without_bound(tokens) and not _repeats_groups(tokens, "{"):
        bearable = LARGE_CHARS_MAX
    if not bearable:
        raise PatternError("it repeats what repeats inside: a hostile line could make it take for ever")
    return _beginning(tokens, search, bearable), bearable


def _beginning(tokens: Sequence[Token], search: Search, chars_max: int) -> Search:
    """Search no more than the beginning of a text, in which a longer one has no end."""
    endless = compile_tokens([NEVER if token.kind == "end" else token for token in tokens]).search

    def search_beginning(text: str) -> Optional[Match]:
        return search(text) if len(text) <= chars_max else endless(text, 0, chars_max)

    return search_beginning


def _either(search: Search, bearable: int, parallel: ParallelPattern) -> Search:
    """Search short texts in one way and long ones in the other."""
    in_parallel = parallel.search

    def search_either(text: str) -> Optional[Match]:
        return search(text) if len(text) <= bearable else in_parallel(text)

    return search_either
