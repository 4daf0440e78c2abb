"""ipfw(8) of FreeBSD 11 and later, as far as `list`, `add` of a rule and tables of addresses go.

State: `numbered`, the rules, each [number, text]; `tables`, each with its networks; `sysctl`, which sysctl.py shows.
"""

from __future__ import annotations

import re
import sys
from typing import List

from double import NOT_DOUBLED, End, State, holds, network, options, run

EX_USAGE, EX_DATAERR, EX_OSERR = 64, 65, 71
RULE = re.compile(r"(?P<action>deny|allow|count) (?:ip|all) from (?P<source>\S+) to (?P<target>\S+)")
SIDE = re.compile(r"any|me|table\((\d+)\)|[0-9a-f.:]+(/\d+)?")


def blocks(state: State, address: str) -> bool:
    """Tell whether packets that come from an address, and those that go to it, are dropped."""
    switch = "net.inet6.ip6.fw.enable" if ":" in address else "net.inet.ip.fw.enable"
    return state["sysctl"][switch] == "1" and all(_denied(state, address, end) for end in ("source", "target"))


def _denied(state: State, address: str, end: str) -> bool:
    for _, text in sorted(state["numbered"], key=lambda rule: int(rule[0])):
        rule = RULE.fullmatch(text)
        other = "target" if end == "source" else "source"
        if rule is None or rule[other] not in ("any", "me"):
            continue
        table = re.fullmatch(r"table\((\d+)\)", rule[end])
        if rule[end] == "any" or (table and holds(state["tables"].get(table[1], []), address)):
            return rule["action"] == "deny"
    return False


def ipfw(state: State, argv: List[str]) -> None:
    if argv and argv[-1].startswith("/"):
        given, operands = options(argv, "cfNnp:qS", usage("bad arguments, for usage summary ``ipfw''"))
        if operands != ["/dev/stdin"] or set(given) - {"q"}:
            raise End(NOT_DOUBLED, f"ipfw: not doubled: {argv}")
        for line in sys.stdin:
            act(state, line.split(), quiet="q" in given)
        return
    given, operands = options(argv, "abcdDefhinNp:qs:STtv", usage("bad arguments, for usage summary ``ipfw''"))
    if set(given) - {"q"}:
        raise End(NOT_DOUBLED, f"ipfw: not doubled: {argv}")
    act(state, operands, quiet="q" in given)


def usage(message: str) -> End:
    return End(EX_USAGE, f"ipfw: {message}")


def act(state: State, words: List[str], *, quiet: bool) -> None:
    if words == ["list"]:
        for number, text in sorted(state["numbered"], key=lambda rule: int(rule[0])):
            print(f"{int(number):05d} {text}")
    elif words[:1] == ["add"]:
        add_rule(state, words[1:], quiet=quiet)
    elif words[:1] == ["table"]:
        change_table(state, words[1:], quiet=quiet)
    else:
        raise usage(f"bad command `{' '.join(words)}'")


def add_rule(state: State, words: List[str], *, quiet: bool) -> None:
    number, text = (words or [""])[0], " ".join(words[1:])
    rule = RULE.fullmatch(text)
    if not number.isdigit() or not 0 < int(number) < 65535:
        raise End(NOT_DOUBLED, "ipfw: not doubled: a rule without a number")
    if rule is None or not SIDE.fullmatch(rule["source"]) or not SIDE.fullmatch(rule["target"]):
        raise usage(f"unrecognised rule {text}")
    for table in re.findall(r"table\((\d+)\)", text):  # a rule makes the tables that it refers to
        state["tables"].setdefault(table, [])
    state["numbered"].append([number, text])
    if not quiet:
        print(f"{int(number):05d} {text}")


def change_table(state: State, words: List[str], *, quiet: bool) -> None:
    if len(words) < 2 or not words[0].isdigit():
        raise usage("table name required")
    name, verb, *rest = words
    if verb not in ("add", "delete", "list"):
        raise usage(f"invalid table command {verb}")
    if not rest and verb != "list":
        raise usage("address required")
    if name not in state["tables"]:
        if verb == "add":
            print(f"ipfw: DEPRECATED: inserting data into non-existent table {name}. (auto-created)", file=sys.stderr)
            state["tables"][name] = []
        else:
            raise End(EX_DATAERR, f"ipfw: Table {name} does not exist")
    table = state["tables"][name]
    if verb == "list":
        if rest:
            raise End(NOT_DOUBLED, "ipfw: not doubled: list with arguments")
        print(f"--- table({name}), set(0) ---")
        print("".join(f"{one} 0\n" for one in table), end="")
    else:
        change_record(table, verb, rest, quiet=quiet)


def change_record(table: List[str], verb: str, keys: List[str], *, quiet: bool) -> None:
    if len(keys) > 1:
        raise End(NOT_DOUBLED, "ipfw: not doubled: a value, or more than one key")
    key = str(network(keys[0], End(EX_DATAERR, f"ipfw: hostname ``{keys[0]}'' unknown")))
    if (key in table) == (verb == "delete"):
        table.append(key) if verb == "add" else table.remove(key)
        if not quiet:
            print(f"{verb}ed: {key} 0")
    elif not quiet:
        failed = (
            "Adding record failed: record already exists"
            if verb == "add"
            else "Deleting record failed: record not found"
        )
        raise End(EX_OSERR, f"ipfw: {failed}")


if __name__ == "__main__":
    run("ipfw", ipfw)
