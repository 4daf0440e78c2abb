"""Where the files that come with the agent lie, and in which order rule files are loaded.

They lie beside its modules: in a checkout as they stand there, and in the executable as it unpacks itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, List, Tuple

_PACKAGE = Path(__file__).resolve().parent

SHIPPED_RULESET = _PACKAGE / "ruleset"
SHIPPED_DECODERS = SHIPPED_RULESET / "decoder.xml"
SHIPPED_RULES = SHIPPED_RULESET / "rules"

# A rule's parents must be loaded before it; what is not named here comes between these two by name.
_FIRST = ("rules_config.xml", "pam_rules.xml", "sshd_rules.xml", "syslog_rules.xml", "web_rules.xml")
_LAST = ("attack_rules.xml", "local_rules.xml")


def shipped_scripts() -> Path:
    """Return the folder of the shipped response scripts."""
    return _PACKAGE.parent / "scripts"


def shipped_rules() -> List[Path]:
    """Return the shipped rule files, parents first. Raises OSError when their folder cannot be read."""
    names = [path.name for path in SHIPPED_RULES.iterdir() if path.suffix == ".xml"]
    return [SHIPPED_RULES / name for name in in_loading_order(names)]


def as_shown(path: Path) -> str:
    """Return how messages call a shipped file: `shipped rules/sshd_rules.xml`, which no path of the host is like."""
    inside = path.relative_to(SHIPPED_RULESET)
    return f"shipped {inside}"


def in_loading_order(names: Iterable[str]) -> List[str]:
    """Return the names of rule files in the order in which they are to be loaded, shipped or not."""

    def rank(name: str) -> Tuple[int, int, str]:
        if name in _FIRST:
            return 0, _FIRST.index(name), name
        return (2, _LAST.index(name), name) if name in _LAST else (1, 0, name)

    return sorted(names, key=rank)
