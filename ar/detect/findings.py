"""Collects what is wrong in files of decoders and rules, and compiles the patterns in them."""

from __future__ import annotations

from typing import Callable, Iterable, List, Optional

from ar.errors import Mistake, Place, nearest
from ar.osregex import Expression, PatternError

Compile = Callable[[str], Expression]


class Findings:
    """Mistakes, with which nothing should run, and warnings: what loads but will not do what it seems to."""

    def __init__(self) -> None:
        self.mistakes: List[Mistake] = []
        self.warnings: List[Mistake] = []

    def refuse(self, place: Place, what: str, expected: str = "") -> None:
        self.mistakes.append(Mistake(place, what, expected))

    def warn(self, place: Place, what: str, expected: str = "") -> None:
        self.warnings.append(Mistake(place, what, expected))

    def compile(self, place: Place, name: str, text: str, compiler: Compile) -> Optional[Expression]:
        """Compile the pattern that the element `name` holds; None when it cannot be used."""
        try:
            expression = compiler(text)
        except PatternError as error:
            self.refuse(place, f"<{name}> is {text!r}", f"a pattern that compiles ({error})")
            return None
        if expression.slow:
            what = f"<{name}> repeats a group that repeats inside: a hostile line can make it take ten times as long"
            self.warn(place, what, "no quantifier on a group that holds one")
        if expression.pattern is not None and expression.pattern.chars_max is not None:
            what = f"<{name}>: only the first {expression.pattern.chars_max} characters of a line are searched, since"
            self.warn(place, f"{what} a hostile one could make it take very long", "no back reference or atomic group")
        return expression


def closest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return the name of `known` that `word` was most likely meant to be, else `otherwise`, where there are many."""
    found = nearest(word, known)
    return found if found.startswith("'") else otherwise
