"""The command line: a table of verbs, each in a file of its own, imported only when it is asked for."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from typing import Dict, List, Optional, Sequence, Tuple

from ar import __version__
from ar.errors import INPUT_OUTPUT, NO_PERMISSION, USAGE, ArError, nearest
from ar.garbage import search_seldom

# verb: (module of ar.cli, one line for --help)
VERBS: Dict[str, Tuple[str, str]] = {
    "run": ("run", "follow the logs and respond, in the foreground"),
    "check": ("check", "find every mistake in the configuration, rules and scripts"),
    "explain": ("explain", "say what the agent makes of log lines, and why"),
    "replay": ("replay", "run a log through detection and policy; no script is run"),
    "list": ("list_blocks", "show the blocks in force"),
    "journal": ("journal", "show what was promised and what came of it, and verify the journal"),
    "status": ("status", "show how the running agent is doing"),
    "block": ("block", "block an address now"),
    "unblock": ("unblock", "release an address, or all, now"),
    "flush": ("flush", "release everything now, as unblock --all does"),
    "reconcile": ("reconcile", "ask the firewall what is still in force, and put back what is missing"),
    "try": ("try_out", "put one block in force and release it, and say what its script made of it"),
    "sweep": ("sweep", "release what is overdue while no agent runs; for cron or a timer"),
    "make-lists": ("make_lists", "build the .cdb of each list that rules look values up in"),
    "init": ("init", "make a home for the agent on this host"),
    "self-test": ("self_test", "run the golden set of the shipped rules inside this executable"),
    "version": ("version", "print the version"),
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the verb of the command line and return its exit code; errors are one message on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    search_seldom()
    try:
        code = _run(words)
        sys.stdout.flush()
    except ArError as error:
        print(f"ar-agent: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _let_go_of_output()  # the reader has seen enough
        return 0
    except PermissionError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"ar-agent: {where}{error.strerror}", file=sys.stderr)
        return NO_PERMISSION
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO) or error.filename is not None:
            raise
        _let_go_of_output()
        print(f"ar-agent: standard output cannot be written: {error.strerror}", file=sys.stderr)
        return INPUT_OUTPUT
    return code


def _open_what_is_closed() -> None:
    """Give a caller who closed standard input, output or error (`<&-`) an empty one."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (for as long as we live)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (same)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (same)


def _let_go_of_output() -> None:
    """Let the rest of the output go nowhere, so that nothing complains at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _run(words: List[str]) -> int:
    home, words = _take_home(words)
    if len(words) == 2 and words[0] == "help" and words[1] in VERBS:
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if words else USAGE
    if words[0] == "--version":
        words[0] = "version"
    if words[0].startswith("-"):
        print(f"ar-agent: {words[0]} stands without a verb: expected ar-agent [--home DIR] VERB", file=sys.stderr)
        return USAGE
    if words[0] not in VERBS:
        print(f"ar-agent: unknown verb {words[0]!r}: expected {nearest(words[0], VERBS)}", file=sys.stderr)
        return USAGE
    module_name, summary = VERBS[words[0]]
    module = importlib.import_module(f"ar.cli.{module_name}")
    parser = _Parser(prog=f"ar-agent {words[0]}", description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("--home", metavar="DIR", help="the agent's folder (default: $AR_HOME, else /var/ossec)")
    module.add_arguments(parser)
    options = parser.parse_args(words[1:])
    options.home = options.home or home
    code: int = module.run(options)
    return code


class _Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors exit with 64, as sysexits.h has it."""

    def error(self, message: str) -> None:  # type: ignore[override]  # it never returns
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _take_home(words: List[str]) -> Tuple[Optional[str], List[str]]:
    """Take `--home DIR` off the front, so that it may stand before the verb too."""
    if words and words[0] == "--home" and len(words) > 1:
        return words[1], words[2:]
    if words and words[0].startswith("--home="):
        return words[0].partition("=")[2], words[1:]
    return None, words


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items())
    return (
        f"ar-agent {__version__}: OSSEC-style active response for one small host, which always unblocks\n\n"
        f"usage: ar-agent [--home DIR] VERB ...\n\n{verbs}\n\n"
        "The home is --home DIR, else $AR_HOME, else /var/ossec. `ar-agent VERB --help` tells more of each."
    )
