"""The one executable: complete, small, and at home where there is no Python, no writable folder, no usable /tmp."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import textwrap
from pathlib import Path

import executable
import pytest
from executable import environment, run, running

from ar import __version__
from ar.cli import VERBS

pytestmark = pytest.mark.frozen

SIZE_MAX_BYTES = 8_000_000
CONF = """
<ossec_config>
  <global><white_list>127.0.0.1</white_list></global>
  <localfile><log_format>syslog</log_format><location>{log}</location></localfile>
  <command><name>witness</name><executable>witness.sh</executable><expect>srcip</expect></command>
  <active-response>
    <command>witness</command><location>local</location><rules_id>5710</rules_id><timeout>600</timeout>
  </active-response>
</ossec_config>
"""
WITNESS = """
    #!/bin/sh
    # Writes down what a script gets to see: its environment and the libraries of a program that it runs.
    env >"$AR_HOME/environment"
    cat /proc/self/maps >"$AR_HOME/libraries"
    echo "$1 $3" >>"$AR_HOME/acts"
"""


@pytest.fixture(scope="session")
def ar_agent() -> Path:
    return executable.build()


@pytest.fixture
def home(ar_agent: Path, tmp_path: Path) -> Path:
    """A home as `init` makes it, with one log, and one response whose script writes down what it sees."""
    home = tmp_path / "home"
    made = run([ar_agent, "init", "--home", home])
    assert made.returncode == 0, made.stderr
    (tmp_path / "auth.log").write_text("")
    (home / "etc/ossec.conf").write_text(CONF.format(log=tmp_path / "auth.log"))
    script = home / "active-response/bin/witness.sh"
    script.write_text(textwrap.dedent(WITNESS).lstrip())
    script.chmod(0o755)
    return home


def test_every_script_is_inside(home: Path) -> None:
    """`init` writes each of the checkout's scripts as it is."""
    for script in (executable.ROOT / "scripts").glob("*.sh"):
        assert (home / "active-response/bin" / script.name).read_bytes() == script.read_bytes()


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting and chroot need root")


def in_private_mounts(script: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount what it likes: nobody else sees it, and it is gone afterwards."""
    needs_root()
    return run(["unshare", "--mount", "sh", "-euc", script, "sh", *arguments], **options)


def test_it_is_small(ar_agent: Path) -> None:
    """The whole agent, Python included, fits where flash is counted in megabytes."""
    assert ar_agent.stat().st_size < SIZE_MAX_BYTES


def test_it_knows_its_version(ar_agent: Path) -> None:
    """`version` and `--version` both name the version of the checkout it was built from."""
    for word in ("version", "--version"):
        assert __version__ in run([ar_agent, word]).stdout


def test_help_names_every_verb(ar_agent: Path) -> None:
    """`--help` lists the verbs, on standard output, with exit status 0."""
    done = run([ar_agent, "--help"])
    assert done.returncode == 0
    assert all(re.search(rf"^ +{verb} ", done.stdout, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_inside_with_all_it_imports(ar_agent: Path, verb: str) -> None:
    """Verbs are imported by name when asked for, which is how a module left out of the build would stay unnoticed."""
    done = run([ar_agent, verb, "--help"])
    assert done.returncode == 0, done.stderr
    assert f"usage: ar-agent {verb}" in done.stdout


def test_it_passes_its_own_golden_set(ar_agent: Path) -> None:
    """`self-test` runs the shipped decoders and rules inside the executable."""
    done = run([ar_agent, "self-test"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_on_a_machine_without_python(ar_agent: Path, tmp_path: Path) -> None:
    """A root with only a static busybox, the C library and zlib is enough to make a home, check it and run."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed")
    for folder in ("bin", "tmp", "proc", "dev", "var/log"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("busybox", "sh", "timeout"):
        shutil.copy(busybox, tmp_path / "bin" / name)
    shutil.copy(ar_agent, tmp_path / "bin")
    for library in system_libraries(ar_agent):
        (tmp_path / library.relative_to("/").parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(library, tmp_path / library.relative_to("/"))
    (tmp_path / "dev/null").touch()
    script = """
        cd "$1"
        mount -t proc proc proc
        mount --bind /dev/null dev/null
        chroot . /bin/ar-agent self-test
        chroot . /bin/ar-agent init --home /home
        chroot . /bin/ar-agent check --home /home
        chroot . /bin/timeout 3 /bin/ar-agent run --observe --home /home || [ $? = 143 ]
    """
    done = in_private_mounts(script, tmp_path, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert executable.READY in done.stdout


def system_libraries(program: Path) -> list[Path]:
    """Return what the system has to bring: the files of the C library, and zlib, with which `program` unpacks."""
    linked = re.findall(r"(/\S+?/(?:ld-|lib(?:c|m|dl|pthread|rt|util|z)\.so)\S*) ", run(["ldd", program]).stdout)
    beside = Path(next(path for path in linked if "/libc.so" in path)).parent
    # What it unpacks is linked to the others.
    others = [beside / name for name in ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1")]
    return sorted({*map(Path, linked), *(path for path in others if path.exists())})


def test_it_needs_nothing_of_the_callers_environment(ar_agent: Path) -> None:
    """An empty environment is what some supervisors give."""
    done = run([ar_agent, "self-test"], env={})
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_from_a_read_only_place(ar_agent: Path, tmp_path: Path) -> None:
    """The executable writes nothing beside itself."""
    script = """
        mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"
        ! touch "$1/new" 2>/dev/null || exit 99
        "$1/ar-agent" self-test
    """
    shutil.copy(ar_agent, tmp_path)
    done = in_private_mounts(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_with_a_noexec_tmp_when_told_where_to_unpack(ar_agent: Path, tmp_path: Path) -> None:
    """TMPDIR names a folder from which libraries may be loaded, where /tmp is mounted noexec."""
    script = """
        mount --bind /tmp /tmp && mount -o remount,bind,noexec /tmp
        mount --bind "$1" "$1" && mount -o remount,bind,exec "$1"
        ! TMPDIR=/tmp "$1/ar-agent" version 2>/dev/null || exit 99
        TMPDIR="$1" "$1/ar-agent" self-test
    """
    shutil.copy(ar_agent, tmp_path)
    done = in_private_mounts(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_see_none_of_its_libraries(ar_agent: Path, home: Path) -> None:
    """A script, and what it runs, gets the system's libraries and the caller's own LD_LIBRARY_PATH, never ours."""
    with running([ar_agent, "run", "--home", home], env=environment(LD_LIBRARY_PATH="/usr/lib/its-own")) as agent:
        assert run([ar_agent, "block", "203.0.113.7", "--home", home]).returncode == 0
        agent.wait_for("203.0.113.7")
        assert run([ar_agent, "unblock", "203.0.113.7", "--home", home]).returncode == 0
    seen = dict(line.split("=", 1) for line in (home / "environment").read_text().splitlines() if "=" in line)
    assert seen["AR_HOME"] == str(home)
    assert not [name for name in seen if name.startswith(("_MEI", "_PYI", "PYTHON")) or name.endswith("_ORIG")]
    assert seen.get("LD_LIBRARY_PATH", "/usr/lib/its-own") == "/usr/lib/its-own"
    assert "_MEI" not in "".join(seen.values())
    assert "_MEI" not in (home / "libraries").read_text()


def test_it_stops_cleanly_and_leaves_nothing_unpacked(ar_agent: Path, home: Path, tmp_path: Path) -> None:
    """The unpacking parent hands SIGHUP and SIGTERM on; at the end both processes and the unpacked files are gone."""
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    with running([ar_agent, "run", "--home", home], env=environment(TMPDIR=str(unpacked))) as agent:
        assert list(unpacked.iterdir())
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for("Reloaded")
        assert run([ar_agent, "block", "203.0.113.8", "--home", home]).returncode == 0
        agent.stop()
    assert agent.wait_for("stay in force")
    assert agent.process.returncode == 0
    assert not list(unpacked.iterdir())
    assert (home / "acts").read_text() == "add 203.0.113.8\n"
    listed = run([ar_agent, "list", "--json", "--home", home])
    assert "203.0.113.8" in listed.stdout


def test_it_passes_the_acceptance_of_a_new_machine(ar_agent: Path) -> None:
    """build/acceptance.sh, made for machines of other systems, passes on this one, in a network of its own."""
    needs_root()
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed")
    done = run(["unshare", "--net", "sh", executable.ROOT / "build/acceptance.sh", ar_agent])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("acceptance: passed\n")
