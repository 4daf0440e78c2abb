#!/usr/bin/env python3
"""Tells whether a home's configuration names a log of this machine that can be read: prints it, or why there is none.

Usage: readable_log.py HOME    Exit status: 0 there is one, 1 there is none
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ar.config.home import Home
from ar.config.load import load
from ar.config.settings import JOURNALD
from ar.watch.watcher import Watcher


def journal_is_readable() -> bool:
    """Return whether journald has an entry that this user may see; without rights it has none, and no error."""
    try:
        done = subprocess.run(["journalctl", "--quiet", "--lines=1"], capture_output=True, check=False)
    except OSError:
        return False
    return bool(done.stdout.strip())


def main(home: Home) -> int:
    """Ask the agent's own watcher what it can follow."""
    loaded = load(home)
    complaints = [str(mistake) for mistake in loaded.mistakes]
    files = [file for file in loaded.config.local_files if not Path(file.location).is_relative_to(home.root)]
    watcher = Watcher(
        [file for file in files if file.log_format != JOURNALD],
        line_bytes_max=loaded.config.settings.line_bytes_max,
        log=lambda severity, text: None if severity == "INFO" else complaints.append(text),
    )
    found = watcher.followed()
    watcher.close()
    if any(file.log_format == JOURNALD for file in files):
        if journal_is_readable():
            found.append(JOURNALD)
        else:
            complaints.append("journald has no entry that this user may read")
    print("\n".join(found or complaints or ["the configuration names no log"]))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(Home.choose(sys.argv[1])))
