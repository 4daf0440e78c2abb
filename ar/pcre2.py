r"""Cuts a PCRE2 pattern into tokens that mean the same to Python's `re`.

Most of PCRE2 is written the same way in both; what differs is put into Python's words here: `\h`, `\R`, `\z`,
`\Q…\E`, `\x{…}`, POSIX classes, `(?<name>…)`. What `re` cannot do (recursion, `\K`, `\p{…}`, and before Python
3.11 atomic groups and possessive quantifiers) is refused by name, so that an administrator learns it from `check` and
not from silence.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Tuple


class PatternError(ValueError):
    """A pattern that cannot be compiled; its text says what is wrong with it."""


class Token(NamedTuple):
    """One piece of a pattern: what it is, how Python writes it, and the character that a "char" stands for.

    Kinds: char, set, start, end, bar, open, close, repeat, assert, and opaque (nothing can be told from here).
    """

    kind: str
    python: str
    literal: str = ""


# Most characters mean themselves, wherever they stand outside of a class.
_PLAIN = {char: Token("char", re.escape(char), char) for char in map(chr, range(128)) if char not in "()[{*+?|^$.\\"}
_SPECIAL = {
    ")": Token("close", ")"),
    "|": Token("bar", "|"),
    "^": Token("start", "^"),
    "$": Token("end", "$"),
    ".": Token("set", "."),
}
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})[?+]?")
_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{0,2}))")
_POSIX_CLASS = re.compile(r"\[:(\^?)([a-z]+):\]")
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]|\\[dDwWsS]")
_INLINE = re.compile(r"\?([imsx]*)(?:-[imsx]+)?([):])")
_NAMED = re.compile(r"\?(?:P?<|')([A-Za-z_]\w*)[>']")
_SAME_ESCAPES = {"d": "set", "D": "set", "w": "set", "W": "set", "s": "set", "S": "set", "b": "assert", "B": "assert"}
ANY_LINE_END = Token("set", "(?:\r\n|[\n\v\f\r])")  # the one set that matches two characters as well
_OTHER_ESCAPES = {
    "h": Token("set", "[ \t]"),
    "H": Token("set", "[^ \t]"),
    "R": ANY_LINE_END,
    "N": Token("set", "[^\n]"),
    "A": Token("start", "^"),
    "z": Token("end", r"\Z"),
    "Z": Token("end", r"(?=\n?\Z)"),
    "e": Token("char", "\x1b", "\x1b"),
    "n": Token("char", "\n", "\n"),
    "r": Token("char", "\r", "\r"),
    "t": Token("char", "\t", "\t"),
    "f": Token("char", "\f", "\f"),
    "a": Token("char", "\a", "\a"),
}
_POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Za-z",  # caseless, as everything is
    "lower": "A-Za-z",
    "space": " \t\n\r\f\v",
    "blank": " \t",
    "punct": "!-/:-@\\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": "A-Za-z0-9_",
    "cntrl": "\x00-\x1f\x7f",
    "print": " -~",
    "graph": "!-~",
}
_LOOKAROUNDS = ("?=", "?!", "?<=", "?<!", "?>")


def tokenize_pcre2(pattern: str) -> List[Token]:
    r"""Return the tokens of `pattern`. Raises PatternError for what Python's `re` has no word for.

    To PCRE2 `\w`, `\d`, `\s`, `\b` and the POSIX classes are ASCII, whatever else stands in the pattern.
    """
    tokens = list(_tokens(pattern, in_ascii=True))
    return tokens if all(token.python.isascii() for token in tokens) else list(_tokens(pattern, in_ascii=False))


def _tokens(pattern: str, *, in_ascii: bool) -> Iterator[Token]:
    at = 0
    while at < len(pattern):
        char = pattern[at]
        plain = _PLAIN.get(char)
        if plain:
            yield plain
            at += 1
            continue
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier:
            yield Token("repeat", quantifier[0])
            at = quantifier.end()
        elif char == "\\":
            tokens, at = _escape(pattern, at + 1, in_ascii=in_ascii)
            yield from tokens
        elif char == "[":
            token, at = _class(pattern, at, in_ascii=in_ascii)
            yield token
        elif char == "(":
            token, at = _group(pattern, at + 1)
            yield token
        else:
            yield _SPECIAL.get(char) or Token("char", re.escape(char), char)
            at += 1


def _escape(pattern: str, at: int, *, in_ascii: bool) -> Tuple[List[Token], int]:
    """Return the tokens of the escape whose character after the backslash is at `at`, and where it ends."""
    name = pattern[at : at + 1]
    if not name:
        raise PatternError("a backslash at the end")
    if name == "Q":
        end = pattern.find("\\E", at)
        quoted = pattern[at + 1 : end if end >= 0 else len(pattern)]
        return [Token("char", re.escape(char), char) for char in quoted], end + 2 if end >= 0 else len(pattern)
    if name == "E":
        return [], at + 1
    hexadecimal = _HEX.match(pattern, at)
    if hexadecimal:
        char = _character(hexadecimal[1] or hexadecimal[2] or "0")
        return [Token("char", re.escape(char), char)], hexadecimal.end()
    if name in _SAME_ESCAPES:
        return [Token(_SAME_ESCAPES[name], f"\\{name}" if in_ascii else f"(?a:\\{name})")], at + 1
    if name.isdigit():
        return [Token("opaque", f"\\{name}")], at + 1
    if name.isalpha() and name not in _OTHER_ESCAPES:
        raise PatternError(f"\\{name} is not known here")
    return [_OTHER_ESCAPES.get(name) or Token("char", re.escape(name), name)], at + 1


def _character(digits: str) -> str:
    number = int(digits, 16)
    if number > 0x10FFFF:
        raise PatternError(f"\\x{{{digits}}} is no character")
    return chr(number)


def _group(pattern: str, at: int) -> Tuple[Token, int]:
    """Return the token that opens the group whose text starts at `at`, and where its content starts."""
    if pattern.startswith("*", at):
        raise PatternError("(*…) verbs are not known here")
    if not pattern.startswith("?", at):
        return Token("open", "("), at
    if pattern.startswith("?#", at):
        end = pattern.find(")", at)
        return Token("opaque", ""), (end if end >= 0 else len(pattern)) + 1
    for sign in ("?:", *_LOOKAROUNDS):
        if pattern.startswith(sign, at) and not _NAMED.match(pattern, at):
            return Token("open", f"({sign}"), at + len(sign)
    named = _NAMED.match(pattern, at)
    if named:
        return Token("open", f"(?P<{named[1]}>"), named.end()
    inline = _INLINE.match(pattern, at)
    if inline and "x" in inline[0]:
        raise PatternError("the flag x is not known here")  # it changes what spaces mean
    if inline and inline[2] == ":":
        return Token("open", f"({inline[0]}"), inline.end()
    if inline and (inline[0] == "?i)" or at == 1):
        return Token("opaque", f"(?{inline[1]})" if at == 1 and inline[1] else ""), inline.end()
    raise PatternError(f"({pattern[at : at + 3]}… is not known here")


def _class(pattern: str, start: int, *, in_ascii: bool) -> Tuple[Token, int]:
    """Return the token of the character class that opens at `start`, and where it ends."""
    at = start + 1
    parts: List[str] = []
    negation = "^" if pattern.startswith("^", at) else ""
    at += len(negation)
    if pattern.startswith("]", at):
        parts.append("\\]")
        at += 1
    named: List[str] = []  # parts that stand for ASCII characters only
    is_named = False
    while not pattern.startswith("]", at):
        if at >= len(pattern):
            raise PatternError("a character class without its ]")
        was_named, is_named = is_named, not in_ascii and _NAMED_CLASS.match(pattern, at) is not None
        part, at = _class_part(pattern, at)
        if part == "-" and (was_named or (not in_ascii and _NAMED_CLASS.match(pattern, at))):
            part = "\\-"  # beside a named part it makes no range
        (named if is_named else parts).append(part)
    if not named:
        return Token("set", f"[{negation}{''.join(parts)}]"), at + 1
    return Token("set", _mixed(negation, "".join(named), "".join(parts))), at + 1


def _mixed(negation: str, named: str, others: str) -> str:
    """Return a class of named parts, which are ASCII, and others, whose case is folded beyond it."""
    if not others:
        return f"(?a:[{negation}{named}])"
    return f"(?:(?!(?a:[{named}]))[^{others}])" if negation else f"(?:(?a:[{named}])|[{others}])"


def _class_part(pattern: str, at: int) -> Tuple[str, int]:
    char = pattern[at]
    posix = _POSIX_CLASS.match(pattern, at)
    if posix:
        if posix[1] or posix[2] not in _POSIX:
            raise PatternError(f"{posix[0]} is not known here")
        return _POSIX[posix[2]], posix.end()
    if char != "\\":
        # These have, or will have, a meaning of their own inside Python's classes.
        doubled = char == "-" and pattern.startswith("--", at - 1)
        return (f"\\{char}" if char in "[&|~" or doubled else char), at + 1
    name = pattern[at + 1 : at + 2]
    if name in set("dDwWsS"):
        return f"\\{name}", at + 2
    if name == "h":
        return " \t", at + 2
    if name == "b":
        return "\\x08", at + 2
    tokens, at = _escape(pattern, at + 1, in_ascii=True)
    if any(token.kind != "char" for token in tokens):
        raise PatternError(f"\\{name} inside a character class")
    return "".join(re.escape(token.literal) for token in tokens), at
