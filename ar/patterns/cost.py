r"""How many characters of a text a backtracking search can be given before a hostile text makes it slow.

A search tries one way through the pattern after the other, so what it costs is the number of ways in which a text can
begin to match. Ways multiply where two loops can share one stretch of text: when the second can be reached from the
first on characters that both take, the border between them can lie anywhere, and each such pair raises the power of the
length by one (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991). The search itself, which starts
anywhere, counts as a first loop over all characters unless `^` leads. When a loop can read one text in two ways
(`(a+)+`), the ways double with each round: no length is short enough. All of it is counted too high rather than too
low.
"""

from __future__ import annotations

from collections import Counter
from math import factorial, log2
from typing import Collection, Dict, List, Optional, Sequence, Set, Tuple

from ar.patterns.automaton import SEARCH, START, Automaton, TooLargeError
from ar.patterns.components import components
from ar.patterns.nothing import may_be_nothing_in_many_ways
from ar.patterns.tree import Node

WAYS_MAX = 1 << 19  # a search that tries so many takes some 5 ms
WAYS_PER_CHAR_MAX = 64  # where the length counts once only, any length is borne
CHARS_MAX = 1 << 20  # no line is longer
_LOOP_STATES_MAX = 64  # a loop of more is not looked into: it is taken to be read in two ways
_PAIRS_MAX = 20_000  # of states that two walkers are followed through: then all are taken to meet
_STEPS_MAX = 300_000  # that they take together
_WAYS_MAX_LOG = log2(WAYS_MAX)


def chars_bearable(tree: Node) -> int:
    """Return up to how many characters a text may have, whatever they are; 0 when no length is safe."""
    if may_be_nothing_in_many_ways(tree):
        return 0
    automaton = Automaton()
    try:
        automaton.build(tree)
        return _Ways(automaton).chars_bearable()
    except TooLargeError:
        return 0


# By component: the longest stretch of text that it can share with a loop before it; and the groups of components
# before it that one text can come from, with the ways from each.
_Shared = Dict[int, int]
_Entries = List[List[List[Tuple[int, int]]]]


class _Ways:
    """Counts the ways of an automaton along its loops."""

    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._order = components(dict(enumerate(automaton.following)), (START,))
        self._component = {state: at for at, states in enumerate(self._order) for state in states}
        following = automaton.following
        self._loops = [
            at for at, states in enumerate(self._order) if len(states) > 1 or states[0] in following[states[0]]
        ]

    def chars_bearable(self) -> int:
        if any(self._reads_in_two_ways(self._order[loop]) for loop in self._loops):
            return 0
        shared, entries = self._shared(), self._entries()
        least, most = 1, CHARS_MAX
        if self.ways(most, shared, entries) <= log2(most * WAYS_PER_CHAR_MAX):
            return most
        while most - least > max(2, least // 4):  # a few more or fewer are the same
            middle = int((least * most) ** 0.5)
            if self.ways(middle, shared, entries) <= _WAYS_MAX_LOG:
                least = middle
            else:
                most = middle
        return least

    def _reads_in_two_ways(self, loop: Sequence[int]) -> bool:
        """Tell whether one text can lead from a state of the loop back to it in two ways."""
        inside = set(loop)
        following = {
            state: {t: n for t, n in self._automaton.following[state].items() if t in inside} for state in loop
        }
        if any(count > 1 for targets in following.values() for count in targets.values()):
            return True
        if len(loop) == 1:
            return False
        if len(loop) > _LOOP_STATES_MAX:
            return True
        self._automaton.work.spend(sum(map(len, following.values())) ** 2)
        # Two walkers read the same text: from one state they part, and they meet in it again.
        members = self._automaton.members
        pairs: Dict[Tuple[int, int], List[Tuple[int, int]]] = {
            (one, other): [(a, b) for a in following[one] for b in following[other] if members[a] & members[b]]
            for one in loop
            for other in loop
        }
        for component in components(pairs, pairs):
            if any(one == other for one, other in component) and any(one != other for one, other in component):
                return True
        return False

    def _shared(self) -> _Shared:
        found: _Shared = {}
        alphabets = {loop: self._alphabet(loop) for loop in self._loops}
        for loop in self._loops:
            reached: Dict[int, Set[int]] = {}  # by the characters that both loops take
            self._automaton.work.spend(len(self._loops))
            for other in self._loops:
                both = alphabets[loop] & alphabets[other]
                if other <= loop or not both:
                    continue
                if both not in reached:
                    reached[both] = self._reached(loop, both)
                if other in reached[both] and self._can_part(loop, other):
                    caps = [cap for cap in (self._cap(loop), self._cap(other)) if cap is not None]
                    found[other] = max(found.get(other, 0), min(caps, default=CHARS_MAX))
        return found

    def _cap(self, loop: int) -> Optional[int]:
        states = self._order[loop]
        return self._automaton.caps.get(states[0]) if len(states) == 1 else None

    def _reached(self, loop: int, chars: int) -> Set[int]:
        """Return the components that can be reached from the loop on these characters."""
        pending = list(self._order[loop])
        seen = set(pending)
        while pending:
            following = self._automaton.following[pending.pop()]
            self._automaton.work.spend(len(following))
            for state in following:
                if state not in seen and self._automaton.members[state] & chars:
                    seen.add(state)
                    pending.append(state)
        return {self._component[state] for state in seen}

    def _can_part(self, loop: int, other: int) -> bool:
        """Tell whether two walkers can read the same text, of whom one stays in the loop and one goes to the other."""
        inside = set(self._order[loop])
        if len(inside) == 1:
            return True  # what one state takes has been looked at
        members, following = self._automaton.members, self._automaton.following
        pending = [(state, state) for state in inside]
        seen = set(pending)
        while pending and len(seen) <= _PAIRS_MAX:
            staying, leaving = pending.pop()
            self._automaton.work.spend(len(following[staying]) * len(following[leaving]))
            for one in inside & following[staying].keys():
                for two in following[leaving]:
                    if members[one] & members[two] and (one, two) not in seen:
                        if self._component[two] == other:
                            return True
                        seen.add((one, two))
                        pending.append((one, two))
        return bool(pending)

    def _alphabet(self, loop: int) -> int:
        alphabet = 0
        for state in self._order[loop]:
            alphabet |= self._automaton.members[state]
        return alphabet

    def _entries(self) -> _Entries:
        automaton, meetings = self._automaton, self._meetings()
        before: List[Dict[int, int]] = [{} for _ in self._order]  # the states before each component
        for state, targets in enumerate(automaton.following):
            for target, count in targets.items():
                at = self._component.get(target)
                if at is not None and self._component.get(state, at) != at:
                    before[at][state] = before[at].get(state, 0) + count
        entries: _Entries = []
        for at, states in enumerate(self._order):
            counts = before[at]
            if meetings is None:
                groups = [list(counts)]
            elif at in self._loops:  # who meets anybody may meet all
                met = {
                    state for target in states for pair in meetings.get(target, ()) for state in pair if state in counts
                }
                groups = [[*met, state] for state in counts if state not in met] or [list(met)]
            else:
                self._automaton.work.spend(len(counts) ** 2)
                groups = _met(counts, meetings.get(states[0], set()))
            entries.append([[(self._component[state], counts[state]) for state in group] for group in groups])
        return entries

    def _meetings(self) -> Optional[Dict[int, Set[Tuple[int, int]]]]:
        """Return for each state the pairs of states from which two walkers come into it, having read the same text.

        The walkers have parted before, in any state. None when there are too many to look through.
        """
        members, following = self._automaton.members, self._automaton.following
        if sum(len(targets) ** 2 for targets in following) > _STEPS_MAX:
            return None
        pending = [
            (one, other)
            for targets in following
            for one in targets
            for other in targets
            if SEARCH < one < other and members[one] & members[other]
        ]
        seen = set(pending)
        meetings: Dict[int, Set[Tuple[int, int]]] = {}
        steps = 0
        while pending:
            pair = pending.pop()
            steps += len(following[pair[0]]) * len(following[pair[1]])
            if len(seen) > _PAIRS_MAX or steps > _STEPS_MAX:
                return None
            for one in following[pair[0]]:
                for other in following[pair[1]]:
                    if one == other:
                        meetings.setdefault(one, set()).add(pair)
                    elif members[one] & members[other]:
                        further = (one, other) if one < other else (other, one)
                        if further not in seen:
                            seen.add(further)
                            pending.append(further)
        return {state: {(min(pair), max(pair)) for pair in pairs} for state, pairs in meetings.items()}

    def ways(self, chars: int, shared: _Shared, entries: _Entries) -> float:
        """Return the logarithm of how many ways a text of so many characters can begin to match."""
        best: List[Tuple[float, int]] = []  # and how many unbounded loops share the text
        for at, groups in enumerate(entries):
            if len(groups) == 1 and len(groups[0]) == 1 and groups[0][0][1] == 1:  # as nearly all are
                ways, loops = best[groups[0][0][0]]
            else:
                sums = (_sum([(*best[before], count) for before, count in group]) for group in groups if group)
                ways, loops = max(sums, default=(0.0, 1))
            if at in shared:
                ways += log2(min(shared[at], chars))
                loops += shared[at] >= chars
            best.append((ways, loops))
        return max(ways - log2(factorial(loops)) for ways, loops in best) + log2(chars) + self._width()

    def _width(self) -> float:
        """Return the logarithm of how many alternatives are tried at one place; they need not lead far."""
        members, following = self._automaton.members, self._automaton.following
        firsts = [*following[START], *following[SEARCH]]
        sets = Counter(members[state] for state in firsts if state != SEARCH)
        return log2(max((sum(n for other, n in sets.items() if other & one) for one in sets), default=1))


def _met(states: Collection[int], pairs: Set[Tuple[int, int]]) -> List[List[int]]:
    """Return each of the states with those that it makes one of the pairs with."""
    met = {state: [state] for state in states}
    for one, other in pairs:
        if one in met and other in met:
            met[one].append(other)
            met[other].append(one)
    return list(met.values())


def _sum(ways: Sequence[Tuple[float, int, int]]) -> Tuple[float, int]:
    """Return the logarithm of the sum of ways, given by their logarithms, with the loops of the most."""
    most, loops, _ = max(ways)
    return most + log2(sum(count * 2 ** (each - most) for each, _, count in ways)), loops
