"""No line makes a pattern slow, shipped or OSSEC's own; and what keeps it so changes no result."""

from __future__ import annotations

import random
import time
from typing import Iterator, List, NamedTuple, Optional, Tuple

import pytest
from patternfiles import WITHOUT_OSSEC, shipped, stock

from ar.osregex import Expression, regex_expression
from ar.patterns.cost import CHARS_MAX, chars_bearable
from ar.patterns.parallel import parallel_pattern
from ar.patterns.pattern import compile_tokens
from ar.patterns.tree import Chain, Chars, Choice, Group, Node, Repeat, tree_of

LINE_CHARS = 6144
CEILING_S = 0.25  # forty times the slowest search that was ever found here
_LIKELY = "a0 :./\"'-[(\\x;,=@"


class Searched(NamedTuple):
    where: str
    expression: Expression
    tree: Node
    bearable: int


def searched(patterns: List[Tuple[str, Expression]]) -> List[Searched]:
    """Return the patterns that are searched for in texts, each once."""
    found = {}
    for where, expression in patterns:
        if expression.pattern is not None and not expression.exact:
            tree = tree_of(expression.tokens())
            assert tree is not None, where
            found.setdefault(tree, Searched(where, expression, tree, chars_bearable(tree)))
    return list(found.values())


@pytest.fixture(scope="module")
def all_patterns() -> List[Searched]:
    return searched([*shipped(), *stock()])


def sample(node: Node, rng: random.Random, filling: str) -> str:
    """Return a text that the node matches, with `filling` where it may stand; loops are run through a few times."""
    if isinstance(node, Chars):
        fitting = [char for char in (filling, rng.choice(_LIKELY), *_LIKELY) if node.members >> ord(char) & 1]
        return fitting[0] if fitting else chr((node.members & -node.members).bit_length() - 1)
    if isinstance(node, Chain):
        return "".join(sample(part, rng, filling) for part in node.parts)
    if isinstance(node, Choice):
        return sample(rng.choice(node.options), rng, filling)
    if isinstance(node, Repeat):
        most = node.least + 3 if node.most is None else min(node.most, node.least + 3)
        return "".join(sample(node.body, rng, filling) for _ in range(rng.randint(node.least, most)))
    return sample(node.body, rng, filling) if isinstance(node, Group) else ""


def parts_of(node: Node, rng: random.Random) -> List[Node]:
    """Return one row of parts on a way through the pattern."""
    if isinstance(node, Chain):
        return [inner for part in node.parts for inner in parts_of(part, rng)]
    if isinstance(node, Choice):
        return parts_of(rng.choice(node.options), rng)
    return parts_of(node.body, rng) if isinstance(node, Group) else [node]


def crafted(pattern: Searched, rng: random.Random) -> Iterator[str]:
    """Yield lines made to be slow: the way to some part, and then what leads from it to a later part, over and over."""
    parts = parts_of(pattern.tree, rng)
    filling = rng.choice(_LIKELY)
    texts = [sample(part, rng, filling) for part in parts]
    first = rng.randrange(len(parts))
    last = rng.randrange(first, len(parts))
    start, pump = "".join(texts[:first]), "".join(texts[first : last + 1]) or filling
    yield start + pump * (LINE_CHARS // len(pump))
    yield start + filling * LINE_CHARS
    each = LINE_CHARS // len(parts)
    long = [
        text * (each // max(1, len(text))) if isinstance(part, Repeat) else text for part, text in zip(parts, texts)
    ]
    yield "".join(long)[: LINE_CHARS - 1] + "\x7f"


def test_no_line_makes_a_pattern_slow(all_patterns):
    """Lines made from each pattern, at full length and at the longest that backtracking is still given."""
    rng = random.Random(5)  # noqa: S311 (for lines, not for secrets)
    slow = {}
    for pattern in all_patterns:
        search = pattern.expression.pattern.search
        lengths = {LINE_CHARS, min(pattern.bearable, LINE_CHARS)}
        lines = {line[:length] for _ in range(3) for line in crafted(pattern, rng) for length in lengths}
        search("")
        for line in lines:
            before_s = time.process_time()
            search(line)
            needed_s = time.process_time() - before_s
            if needed_s > CEILING_S:
                slow[pattern.where] = (needed_s, line[:80])
    assert slow == {}


def test_the_search_for_slow_lines_finds_those_of_backtracking_alone():
    """The same lines take `re` itself beyond the ceiling, for a pattern as decoders have them."""
    expression = regex_expression(r"^(\S+):(\S+) x")
    pattern = searched([("here", expression)])[0]
    alone = compile_tokens(expression.tokens())
    rng = random.Random(5)  # noqa: S311 (for lines, not for secrets)
    slowest_s = 0.0
    for _ in range(20):
        for line in crafted(pattern, rng):
            before_s = time.process_time()
            alone.search(line)
            slowest_s = max(slowest_s, time.process_time() - before_s)
    assert slowest_s > 4 * CEILING_S / 100


def spans(match, groups: int) -> Optional[Tuple[Tuple[int, int], ...]]:
    return match and tuple(match.span(number) for number in range(groups + 1))


def near(pattern: Searched, rng: random.Random) -> str:
    """Return a line that the pattern matches, or would but for a few characters."""
    filling = rng.choice(_LIKELY)
    line = list(
        rng.choice(["", "", " ", filling * 5]) + sample(pattern.tree, rng, filling) + rng.choice(["", " b", "\n"])
    )
    for _ in range(rng.choice([0, 0, 1, 2])):
        if line:
            line[rng.randrange(len(line))] = rng.choice(_LIKELY)
    return "".join(line)


def test_long_lines_get_the_same_match_as_short_ones(all_patterns):
    """For each pattern that is searched for in two ways, both find the same: match and groups."""
    rng = random.Random(7)  # noqa: S311 (for lines, not for secrets)
    two_ways = [pattern for pattern in all_patterns if pattern.bearable < CHARS_MAX]
    matched = tried = 0
    for pattern in two_ways:
        tokens = pattern.expression.tokens()
        backtracking = compile_tokens(tokens)
        parallel = parallel_pattern(pattern.tree, backtracking.groups, in_ascii=True)
        assert parallel is not None, pattern.where
        for _ in range(60):
            line = near(pattern, rng)
            expected = spans(backtracking.search(line), backtracking.groups)
            assert spans(parallel.search(line), backtracking.groups) == expected, (pattern.where, line)
            matched += expected is not None
            tried += 1
    assert matched > tried / 3


def test_no_pattern_is_cut_short_or_refused(all_patterns):
    """All are searched for in all of a line, and none doubles its ways with each round of a loop."""
    assert [pattern.where for pattern in all_patterns if pattern.expression.pattern.chars_max is not None] == []
    assert [pattern.where for pattern in all_patterns if pattern.bearable == 0] == []


def test_ossecs_patterns_were_among_them(all_patterns):
    if not stock():
        pytest.skip(WITHOUT_OSSEC)
    assert len(all_patterns) > 400
