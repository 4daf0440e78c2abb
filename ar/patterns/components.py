"""Which nodes of a graph can reach each other (Tarjan, 1972)."""

from __future__ import annotations

from typing import Dict, Hashable, Iterable, Iterator, List, Mapping, Tuple, TypeVar

T = TypeVar("T", bound=Hashable)


def components(following: Mapping[T, Iterable[T]], starts: Iterable[T]) -> List[List[T]]:
    """Return the strongly connected components of what can be reached, each before those that follow it."""
    order: Dict[T, int] = {}  # in which the nodes were found
    lowest: Dict[T, int] = {}  # the earliest node still open that each leads back to
    still_open: Dict[T, None] = {}
    found: List[List[T]] = []
    for start in starts:
        if start in order:
            continue
        order[start] = lowest[start] = len(order)
        still_open[start] = None
        path: List[Tuple[T, Iterator[T]]] = [(start, iter(following[start]))]
        while path:
            node, rest = path[-1]
            for target in rest:
                if target not in order:
                    order[target] = lowest[target] = len(order)
                    still_open[target] = None
                    path.append((target, iter(following[target])))
                    break
                if target in still_open:
                    lowest[node] = min(lowest[node], order[target])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    found.append(_closed(still_open, node))
    return found[::-1]


def _closed(still_open: Dict[T, None], first: T) -> List[T]:
    """Take the component whose first node this is out of what is open."""
    component: List[T] = []
    while not component or component[-1] != first:
        component.append(still_open.popitem()[0])
    return component
