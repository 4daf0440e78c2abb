"""`ar-agent init`: make a home for the agent on this host."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional

from ar.cli.starterconf import starter_conf
from ar.cli.survey import Survey, survey
from ar.cli.sweeptimer import timer_for
from ar.config.home import DEFAULT, Home
from ar.errors import ArError, CannotCreateError, PermissionDeniedError, UnavailableError
from ar.shipped import shipped_scripts

_FOLDERS = (
    ("", 0o750), ("etc", 0o750), ("etc/shared", 0o750), ("rules", 0o750), ("active-response", 0o750),
    ("active-response/bin", 0o750), ("logs", 0o750), ("logs/alerts", 0o750), ("var", 0o700),
)  # fmt: skip
_CONF_MODE = 0o640
_SCRIPT_MODE = 0o755
_SUMS = "var/shipped.sums"  # as sha256sum writes it: which scripts init wrote, so that --update knows them again


class Made(NamedTuple):
    """What became of one file: created, kept or updated; `note` says more where there is more to say."""

    path: Path
    what: str
    note: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--update", action="store_true", help="replace scripts that an earlier init wrote")
    parser.add_argument(
        "--sweep", action="store_true", help="have overdue blocks released each minute even while no agent runs"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each file: path, what, note")


def run(options: argparse.Namespace) -> int:
    """Make the home and tell what to type next."""
    home = Home.choose(options.home)
    scripts = read_scripts(shipped_scripts())
    found = survey(Path("/"), os.environ, scripts.keys(), home.responses_log)
    made = make_home(home, scripts, found, update=options.update, dry_run=options.dry_run)
    then = ""
    if options.sweep:
        timer = timer_for(Path("/"), _program(), home.root.absolute())
        made[:0] = install(timer.files, dry_run=options.dry_run)
        then = timer.then
    if options.json:
        for one in made:
            print(json.dumps({"path": str(one.path), "what": one.what, "note": one.note}))
    else:
        print("\n".join(_told(home, made, found, dry_run=options.dry_run)))
        if then:
            print(f"  {then}")
    return 0


def make_home(
    home: Home, scripts: Mapping[str, bytes], found: Survey, *, update: bool = False, dry_run: bool = False
) -> List[Made]:
    """Make folders and files that are missing, and return what became of each file.

    A file that exists is left alone, but with `update` a script that an earlier init wrote and nobody has
    changed since is replaced. Raises CannotCreateError or PermissionDeniedError with the path that refused.
    """
    write = _Dry() if dry_run else _Disk()
    for name, mode in _FOLDERS:
        write.folder(home.root / name, mode)
    sums = _read_sums(home.root / _SUMS)
    made = []
    for name, content in scripts.items():
        path = home.scripts / name
        key = str(path.relative_to(home.root))
        one = _place_script(write, path, content, sums.get(key, ""), update=update)
        made.append(one)
        if one.what != "kept" or _sum_of_file(path) == _sum(content):
            sums[key] = _sum(content)
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    if not dry_run and _content(home.root / _SUMS) != text:
        write.replace(home.root / _SUMS, text, 0o600)
    if os.path.lexists(home.ossec_conf):
        return [*made, Made(home.ossec_conf, "kept")]
    write.new(home.ossec_conf, starter_conf(found).encode(), _CONF_MODE)
    return [*made, Made(home.ossec_conf, "created")]


def install(files: Mapping[Path, str], *, dry_run: bool = False) -> List[Made]:
    """Write files outside of the home, each unless there is one of its name; return what became of each.

    Raises CannotCreateError or PermissionDeniedError with the path that refused.
    """
    write = _Dry() if dry_run else _Disk()
    made = []
    for path, text in files.items():
        if os.path.lexists(path):
            same = _content(path) == text.encode()
            made.append(Made(path, "kept", "" if same else "it differs from what init would write"))
        else:
            write.new(path, text.encode(), 0o644)
            made.append(Made(path, "created"))
    return made


def _program() -> List[str]:
    """Return the command line that starts this very program again, wherever it is called from."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, os.path.abspath(sys.argv[0])]  # noqa: PTH100 (a link keeps its name)


def _place_script(write: _Disk, path: Path, content: bytes, written_before: str, *, update: bool) -> Made:
    if not os.path.lexists(path):
        write.new(path, content, _SCRIPT_MODE)
        return Made(path, "created")
    present = _sum_of_file(path)
    if present == _sum(content):
        return Made(path, "kept")
    if present != written_before:
        changed = "you changed it since init wrote it"
        return Made(
            path, "kept", changed if written_before else "it differs from the shipped one and was not written by init"
        )
    if not update:
        return Made(path, "kept", "a newer one is shipped: --update replaces it")
    write.replace(path, content, _SCRIPT_MODE)
    return Made(path, "updated")


def read_scripts(folder: Path) -> Dict[str, bytes]:
    """Return the shipped scripts by name."""
    scripts = {path.name: path.read_bytes() for path in sorted(folder.glob("*.sh"))}
    if not scripts:
        raise UnavailableError(f"{folder}: no response scripts: expected those that are shipped with the agent")
    return scripts


def _read_sums(path: Path) -> Dict[str, str]:
    lines = (_content(path) or b"").decode("utf-8", "replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def _content(path: Path) -> Optional[bytes]:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(path, error) from error


def _sum_of_file(path: Path) -> str:
    return _sum(_content(path) or b"")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refusal(path: Path, error: OSError) -> ArError:
    if isinstance(error, PermissionError):
        return PermissionDeniedError(f"{path}: {error.strerror}: expected root, or --home with a folder of your own")
    return CannotCreateError(f"{path}: cannot be made or read: {error.strerror}")


class _Disk:
    """Writes; each failure becomes a message with the path. What exists is never opened for writing."""

    def folder(self, path: Path, mode: int) -> None:
        """Make a folder, and those above it, unless it is there."""
        try:
            if not path.is_dir():
                path.mkdir(parents=True)
                path.chmod(mode)
        except OSError as error:
            raise _refusal(path, error) from error

    def new(self, path: Path, content: bytes, mode: int) -> None:
        """Write a file that is not there yet."""
        try:
            stream = path.open("xb")
        except OSError as error:
            raise _refusal(path, error) from error
        try:
            with stream:
                stream.write(content)
            path.chmod(mode)
        except OSError as error:
            path.unlink()  # half a file would be kept for good
            raise _refusal(path, error) from error

    def replace(self, path: Path, content: bytes, mode: int) -> None:
        """Put a file in the place of another in one step."""
        beside = path.with_name(path.name + ".new")
        try:
            beside.unlink(missing_ok=True)
            self.new(beside, content, mode)
            beside.replace(path)
        except OSError as error:
            raise _refusal(path, error) from error


class _Dry(_Disk):
    """Writes nothing."""

    def folder(self, path: Path, mode: int) -> None:
        pass

    def new(self, path: Path, content: bytes, mode: int) -> None:
        pass

    def replace(self, path: Path, content: bytes, mode: int) -> None:
        pass


def _told(home: Home, made: List[Made], found: Survey, *, dry_run: bool) -> Iterator[str]:
    """Yield what a person wants to read: the files, what was found, and what to type next."""
    would = "would be " if dry_run else ""
    for one in made:
        what = one.what if one.what == "kept" else would + one.what
        yield f"{what:<8} {one.path}" + (f" ({one.note})" if one.note else "")
    yield ""
    yield "logs      " + (", ".join(log.location for log in found.logs) or "none: name one in etc/ossec.conf")
    unreadable = [log.location for log in found.logs if not log.readable]
    if unreadable:
        yield "          not readable by this user: " + ", ".join(unreadable)
    yield f"blocks    with {found.blocker.script}; found: {found.blocker.found}"
    if found.client is not None:
        yield f"allowed   {found.client}, where you are logged in from"
    if made[-1].what == "kept":
        yield "          (etc/ossec.conf was there already: what it says counts, not what was found)"
    yield ""
    yield "Next:"
    program = _program_as_typed(sys.argv[0], home, os.environ)
    for words, why in (
        ("check", "see whether all is well"),
        ("run --observe", "watch, and only say what would be done"),
        ("run", "watch and block" if os.geteuid() == 0 else "watch and block (as root: firewalls obey only root)"),
    ):
        yield f"  {program} {words:<14} # {why}"


def _program_as_typed(argument: str, home: Home, environment: Mapping[str, str]) -> str:
    program = f"python3 {shlex.quote(argument)}" if argument.endswith(".py") else "ar-agent"
    known = str(home.root) in (environment.get("AR_HOME"), DEFAULT if "AR_HOME" not in environment else None)
    return program if known else f"{program} --home {shlex.quote(str(home.root))}"
