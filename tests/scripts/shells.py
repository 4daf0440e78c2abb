"""How tests run the response scripts: under which shells, with which arguments and environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest
from netns import Namespace

SCRIPTS = Path(__file__).parents[2] / "scripts"
RESPONSES = sorted(path.name for path in SCRIPTS.glob("*.sh") if os.access(path, os.X_OK))
# Those that need no address, and leave nothing in force that could be asked for.
NEED_NOTHING = {
    "null.sh", "restart-agent.sh", "restart-ossec.sh", "makelists.sh", "email-notify.sh", "webhook-notify.sh",
}  # fmt: skip
CANNOT_TELL = {"blocklistd.sh"}  # whether a block is in force
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as the agent gives it to scripts
SHELLS: Dict[str, List[str]] = {"dash": ["dash"], "busybox": ["busybox", "ash"], "bash": ["bash", "--posix"]}

in_each_shell = pytest.mark.parametrize("shell", SHELLS)


def call(
    script: str,
    *arguments: str,
    shell: Optional[str] = None,
    inside: Optional[Namespace] = None,
    timeout_s: Optional[int] = None,
    wrapper: Sequence[str] = (),
    lines: str = "",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a script as the agent does (or under `shell`), inside a namespace when one is given, and wait for it.

    `lines` are what it finds on standard input: a batch.
    """
    argv = [*wrapper, *(SHELLS[shell] if shell else []), str(SCRIPTS / script), *arguments]
    if inside is not None:
        argv = inside.argv(argv)
    environment = {"PATH": PATH, **environment}
    if timeout_s is not None:
        environment["AR_TIMEOUT"] = str(timeout_s)
    return subprocess.run(
        argv,
        env=environment,
        cwd="/",
        input=lines,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=60,
        check=False,
    )


def succeed(script: str, *arguments: str, **options: Any) -> str:
    """Run a script, which must succeed and have nothing to complain of; return what it printed."""
    done = call(script, *arguments, **options)
    assert (done.returncode, done.stderr) == (0, ""), f"{script} {arguments}: {done}"
    return done.stdout


def path_without(folder: Path, *programs: str) -> str:
    """Return a PATH, made in `folder`, on which everything of the usual one is found except `programs`."""
    folder.mkdir(exist_ok=True)
    for place in reversed(PATH.split(":")):
        for program in sorted(Path(place).glob("*")):
            link = folder / program.name
            link.unlink(missing_ok=True)
            if program.name not in programs:
                link.symlink_to(program)
    return str(folder)
