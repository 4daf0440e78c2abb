"""`ar-agent make-lists`: build the .cdb of each list from its text, as ossec-makelists does."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import stat
from pathlib import Path
from typing import List, NamedTuple, Optional

from ar.cdb import Cdb
from ar.config.files import is_file, shown
from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.lists import cdb_of, file_of, table_of
from ar.config.load import load
from ar.errors import CannotCreateError, ConfigError, Mistake, PermissionDeniedError, Place
from ar.respond.disk import Disk


class Made(NamedTuple):
    """What became of one .cdb: built, kept, or refused; `note` says why where there is something to say."""

    path: str
    what: str
    entries: Optional[int] = None
    bytes: Optional[int] = None
    note: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="a list's text (default: those in ossec.conf)")
    parser.add_argument("--force", action="store_true", help="build it even where the text is not newer")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each list")


def run(options: argparse.Namespace) -> int:
    """Build what is out of date and say so; exit 78 when a list has mistakes, and leave the .cdb of that one alone."""
    home = Home.choose(options.home)
    texts = [Path(name.removesuffix(".cdb")).absolute() for name in options.files] or _configured(home)
    mistakes: List[Mistake] = []
    for text in texts:
        made = make(text, home, mistakes, force=options.force)
        if options.json:
            print(json.dumps(made._asdict()), flush=True)
        else:
            print(_told(made), flush=True)
    if mistakes:
        raise ConfigError(mistakes, before="lists have mistakes:")
    if not texts and not options.json:
        print(f"No list is configured in {home.root}: expected <list>lists/name</list> in <rules> of etc/ossec.conf.")
    return 0


def _configured(home: Home) -> List[Path]:
    loaded = load(home)
    texts = list(dict.fromkeys(included.path for included in loaded.config.list_files))
    if not texts and loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes:")
    return texts


def make(text: Path, home: Home, mistakes: List[Mistake], *, force: bool = False) -> Made:
    """Build the .cdb of one text, whole or not at all; what is wrong in the text is added to `mistakes`.

    Raises CannotCreateError or PermissionDeniedError when the file cannot be written.
    """
    name, built = shown(text, home), cdb_of(text)
    made = Made(shown(built, home), "kept")
    if not is_file(text):
        if is_file(built):
            return made._replace(note="there is no text to build it from")
        mistakes.append(Mistake(Place(name), "there is no such list", "a text with key:value on each line"))
        return made._replace(what="refused", note="there is no text")
    if file_of(text) == built and not force:
        return made._replace(note="the text is not newer")
    findings = Findings()
    table = table_of(text, Place(name), name, findings)
    mistakes += findings.warnings + findings.mistakes
    if table is None:
        return made._replace(what="refused", note="its text cannot be read or is too large")
    if findings.warnings:
        return made._replace(what="refused", note="its text has mistakes")
    _replace(built, table, text.stat())
    return made._replace(what="built", entries=len(Cdb(table)), bytes=len(table))


def _replace(path: Path, content: bytes, like: os.stat_result) -> None:
    """Put a file in the place of `path`, whole or not at all, that those may read who may read the text.

    It is never older than the text, wherever the clock stands, or the text would always count as the newer one.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(fd, like.st_uid, like.st_gid)
            os.fchmod(fd, stat.S_IMODE(like.st_mode) & 0o666)
            written_ns = os.fstat(fd).st_mtime_ns
            os.utime(fd, ns=(written_ns, max(written_ns, like.st_mtime_ns)))
            os.fsync(fd)
        new.replace(path)
        Disk().sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        kind = PermissionDeniedError if error.errno in (errno.EACCES, errno.EPERM) else CannotCreateError
        raise kind(f"{path} cannot be written: {error.strerror}") from error


def _told(made: Made) -> str:
    if made.what == "built":
        return f"{made.path}: built, {made.entries} {'entry' if made.entries == 1 else 'entries'}, {made.bytes} bytes"
    return f"{made.path}: {made.what}: {made.note}"
