"""Imports run downward only, the core is pure, and nothing from outside comes in unnoticed.

ROOMS is the house from the roof down: what each room consists of, which rooms it may use, and why no others.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Set, Tuple

import pytest

ROOT = Path(__file__).parent.parent


class Room(NamedTuple):
    modules: Tuple[str, ...]  # modules, and packages with all that is in them; the longest name wins
    may_use: Tuple[str, ...]  # the room itself is always allowed
    why: str


CORE = ("detect", "policy")
GROUND = ("words", "settings", "ground")
EDGE = ("config", "watch", "respond", "control", "report")

ROOMS: Dict[str, Room] = {
    "door": Room(("agent",), ("cli", "package"), "the front door knows the command line and nothing else"),
    "cli": Room(("ar.cli",), ("engine", "ruleset", *EDGE, *CORE, *GROUND, "package"), "a verb may ask anybody"),
    "engine": Room(
        ("ar.engine", "ar.answers", "ar.offline", "ar.setup", "ar.signals", "ar.trials"),
        (*EDGE, *CORE, *GROUND, "package"),
        "the only place where the others meet; it must run without a command line",
    ),
    "ruleset": Room(
        ("ar.ruleset",), ("detect", *GROUND, "package"), "shipped files and their golden set need detection only"
    ),
    "config": Room(
        ("ar.config",),
        (*CORE, *GROUND, "package"),
        "configuration is read before anything runs; to check it, only the core is asked what would happen",
    ),
    "watch": Room(("ar.watch",), GROUND, "a source yields lines and does not know what they lead to"),
    "respond": Room(("ar.respond",), ("policy", *GROUND), "what acts as root never sees a log line or a parser of one"),
    "control": Room(("ar.control",), GROUND, "a socket carries requests; the engine answers them"),
    "report": Room(("ar.report",), ("policy", *GROUND), "a report is told what happened and causes nothing"),
    "ground": Room(
        ("ar.childenv", "ar.garbage", "ar.shipped"), ("words",), "facts of the executable, the same for every room"
    ),
    "settings": Room(("ar.config.home", "ar.config.settings"), ("words",), "plain values that every room may be given"),
    "detect": Room(("ar.detect",), ("words",), "hostile text is read here: it gets no world to act on"),
    "policy": Room(("ar.policy",), ("words",), "decides from alerts alone, never from log text, so no detection"),
    "words": Room(
        (
            "ar.cdb",
            "ar.duration",
            "ar.news",
            "ar.errors",
            "ar.model",
            "ar.ossecxml",
            "ar.osregex",
            "ar.patterns",
            "ar.pcre2",
        ),
        (),
        "the words are shared by all rooms",
    ),
    "package": Room(("ar",), (), "the package itself holds its version"),
}

PURE = ("detect", "policy", "words")
IMPURE = {
    "os": "files and processes come in as values",
    "io": "files come in as text",
    "pathlib": "files come in as text",
    "time": "time is an argument",
    "socket": "no log text ever causes a name lookup",
    "subprocess": "only respond/ runs programs",
    "threading": "one thread, so that the same lines give the same alerts",
    "logging": "what is to be told is returned",
    "random": "the same lines give the same alerts",
    "sys": "nothing depends on the process it runs in",
}
CLOCK_CALLS = {"now", "today", "utcnow"}  # of datetime, which may be imported for its arithmetic

FROM_OUTSIDE = {
    "psutil": "addresses of this host, boot time, process figures",
    "defusedxml": "all XML",
    "tomli": "agent.toml before Python 3.11",
}


def modules() -> Dict[str, Path]:
    found = {"agent": ROOT / "agent.py"}
    for path in sorted((ROOT / "ar").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """Return the room of `module`, by the longest name in ROOMS that it is or lies in ("ar" holds only itself)."""
    fitting = [
        (name, room)
        for room, (names, _, _) in ROOMS.items()
        for name in names
        if module == name or (name != "ar" and module.startswith(name + "."))
    ]
    assert fitting, f"{module} is in no room: give it one in ROOMS, with the reason"
    return max(fitting, key=lambda pair: len(pair[0]))[1]


def imports(path: Path, module: str) -> Iterator[Tuple[int, str]]:
    """Yield line and full name of every module that `path` imports, inside functions too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in MODULES else base


def imported_roots(module: str) -> Set[str]:
    return {name.partition(".")[0] for _, name in imports(MODULES[module], module)}


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_what_lies_below_it(module: str) -> None:
    """Each import inside the project is one that the table allows; the table's reason is the failure's text."""
    room = room_of(module)
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {room} imports {name} ({room_of(name)}), but {ROOMS[room].why}"
        for line, name in imports(MODULES[module], module)
        if name.partition(".")[0] == "ar" and room_of(name) not in (room, *ROOMS[room].may_use)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in PURE])
def test_the_core_and_the_words_touch_no_world(module: str) -> None:
    """No clock, file, socket, process or thread is within reach of the code that reads hostile text or decides."""
    wrong = [f"{name}: {IMPURE[name]}" for name in sorted(imported_roots(module) & IMPURE.keys())]
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input", "eval", "exec"}:
            wrong.append(f"line {node.lineno}: {node.func.id}()")
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
            wrong.append(f"line {node.lineno}: .{node.func.attr}() reads the clock: time is an argument")
    assert not wrong, f"{MODULES[module].relative_to(ROOT)}: " + "; ".join(wrong)


def test_only_the_known_packages_come_from_outside() -> None:
    """Whatever is not the standard library or in FROM_OUTSIDE would have to run on OpenBSD and armv7 too."""
    if sys.version_info < (3, 10):
        pytest.skip("Python 3.9 cannot list its standard library")
    known = set(sys.stdlib_module_names) | FROM_OUTSIDE.keys() | {"ar"}
    assert {m: extra for m in MODULES if (extra := imported_roots(m) - known)} == {}


def test_rooms_use_only_rooms_below_them() -> None:
    """The table itself goes downward: no room may use one that stands above it, so there can be no circle."""
    order = list(ROOMS)
    for name, room in ROOMS.items():
        assert all(order.index(used) > order.index(name) for used in room.may_use), name


def test_a_misplaced_import_is_noticed(tmp_path: Path) -> None:
    """The reader of imports sees relative ones, renamed ones, and those inside functions."""
    path = tmp_path / "detector.py"
    path.write_text("from . import event\nfrom ..respond import journal\ndef f():\n    import os as o, ar.engine\n")
    names = [name for _, name in imports(path, "ar.detect.detector")]
    assert names == ["ar.detect.event", "ar.respond.journal", "os", "ar.engine"]
    assert room_of("ar.config.home") == "settings"
    assert room_of("ar.config.load") == "config"
