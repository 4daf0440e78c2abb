"""All patterns of the shipped ruleset, and of OSSEC's own where that lies beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

from ar.osregex import Expression, match_expression, pcre2_expression, regex_expression
from ar.ossecxml import expand_variables, parse
from ar.shipped import SHIPPED_RULESET

OSSEC = Path(__file__).parents[2] / "shared/ossec"
WITHOUT_OSSEC = "OSSEC's ruleset is not beside this checkout"

COMPILERS: Dict[str, Callable[[str], Expression]] = {"regex": regex_expression, "prematch": regex_expression}
COMPILERS.update(dict.fromkeys(("match", "program_name", "id", "url", "user", "status"), match_expression))


def stock() -> List[Tuple[str, Expression]]:
    """Return OSSEC's patterns, each under its file, line and element."""
    return list(_all(OSSEC)) if (OSSEC / "decoder.xml").exists() else []


def shipped() -> List[Tuple[str, Expression]]:
    """Return the shipped patterns, each under its file, line and element."""
    return list(_all(SHIPPED_RULESET))


def _all(folder: Path) -> Iterator[Tuple[str, Expression]]:
    for path in [folder / "decoder.xml", *sorted((folder / "rules").glob("*.xml"))]:
        pending = expand_variables(parse(path.read_text(encoding="utf-8", errors="replace"), path.name))
        while pending:
            element = pending.pop()
            pending += element.children
            for name in sorted({child.name for child in element.children}):
                compiler = pcre2_expression if name == "pcre2" or name.endswith("_pcre2") else COMPILERS.get(name)
                if compiler is not None and element.name in {"decoder", "rule"}:
                    yield f"{path.name}:{element.place.line} {name}", compiler(element.joined(name))
