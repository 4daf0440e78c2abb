"""How the scripts are written: what shellcheck, POSIX and the promises in their headers say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from netns import require
from shells import CANNOT_TELL, NEED_NOTHING, PATH, RESPONSES, SCRIPTS, SHELLS, in_each_shell

ALL = sorted(path.name for path in SCRIPTS.glob("*.sh"))
SOURCED = [name for name in ALL if name not in RESPONSES]


def test_shellcheck_has_nothing_to_say():
    require("shellcheck")
    done = subprocess.run(
        ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--shell=sh", *ALL],
        cwd=SCRIPTS, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ALL)
def test_what_shellcheck_is_told_to_let_pass_has_its_reason_beside_it(name):
    for line in (SCRIPTS / name).read_text().splitlines():
        if "shellcheck disable" in line:
            assert re.search(r"disable=SC\d+ # \S", line), line


@in_each_shell
@pytest.mark.parametrize("name", ALL)
def test_every_shell_can_read_it(name, shell):
    require(SHELLS[shell][0])
    done = subprocess.run(
        [*SHELLS[shell], "-n", SCRIPTS / name], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_says_what_it_is_for_and_how_it_is_called(name):
    lines = (SCRIPTS / name).read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert re.fullmatch(r"# [A-Z].*[.]", lines[1])
    assert lines[2] == f"# usage: {name} add|delete|present USER SRCIP [ALERTID RULEID LOCATION FILENAME]"
    assert name in NEED_NOTHING | CANNOT_TELL or re.fullmatch(r"# ar: (batch )?(timeout )?present", lines[3])
    assert "set -eu" in lines
    assert re.fullmatch(r'(respond(_[a-z_]+)?|report) "\$@"', lines[-1])


@pytest.mark.parametrize("name", ALL)
def test_no_eval_no_local_no_bashism_and_rooms_stay_small(name):
    text = (SCRIPTS / name).read_text()
    shell = re.sub(r"(awk [^'\n]*|^CHECK_BATCH=)'[^']*'", r"\1''", text, flags=re.MULTILINE)  # awk has functions
    code = [re.sub(r"(^|\s)#.*", "", line) for line in shell.splitlines()]
    for line in code:
        assert not re.search(r"(^|[;&|({]|\bthen|\bdo|\belse)\s*(eval|local|declare|function|source)\s", line), line
        assert not re.search(r"\[\[(?!:)|<\(|\$'|&>|`", line), line
    assert max(map(len, text.splitlines())) <= 120
    assert len(code) <= 170


def test_what_runs_may_be_run_and_what_is_sourced_may_not():
    assert SOURCED == [
        "accounts.sh",
        "agent.sh",
        "batch.sh",
        "firewalls.sh",
        "lib.sh",
        "notify.sh",
        "once.sh",
        "settings.sh",
        "xtables.sh",
    ]
    assert {
        "aix-ipsec.sh",
        "firewall-drop.sh",
        "host-deny.sh",
        "ipfilter.sh",
        "ipfw.sh",
        "npf.sh",
        "null.sh",
        "pf.sh",
        "route-null.sh",
    } < set(RESPONSES)
    assert all(os.stat(SCRIPTS / name).st_mode & 0o022 == 0 for name in ALL)  # noqa: PTH116 (a name, not a Path)


def test_the_readme_lists_every_response():
    table = [line for line in (SCRIPTS / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert [name for name in RESPONSES if not any(f"`{name}`" in line.split("|")[1] for line in table)] == []


@in_each_shell
def test_the_example_of_how_to_write_one_keeps_every_promise(tmp_path, shell):
    """Run as it stands in README.md, with a filter program that keeps its addresses in a file."""
    require(SHELLS[shell][0])
    found = re.search(r"^```sh\n(.*?)^```", (SCRIPTS / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "example-drop.sh").write_text(found[1])
    shutil.copy(SCRIPTS / "lib.sh", tmp_path)
    filter_program = """#!/bin/sh
        [ ! -e "$BLOCKED.broken" ] || { echo "no such device" >&2; exit 3; }
        case $1 in
        list) echo $(cat "$BLOCKED") ;;
        add) echo "$2" >>"$BLOCKED" ;;
        remove) sed -i "/^$2\\$/d" "$BLOCKED" ;;
        esac"""
    (tmp_path / "examplectl").write_text(filter_program)
    (tmp_path / "examplectl").chmod(0o755)
    blocked = tmp_path / "blocked"
    blocked.touch()

    def run(action: str, address: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SHELLS[shell], str(tmp_path / "example-drop.sh"), action, "-", address],
            env={"PATH": f"{tmp_path}:{PATH}", "BLOCKED": str(blocked)},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    assert run("delete", "192.0.2.1").returncode == 0
    assert run("present", "192.0.2.1").returncode == 1
    assert run("add", "192.0.2.1").returncode == 0
    assert run("add", "192.0.2.1").returncode == 0
    assert run("present", "192.0.2.1").returncode == 0
    assert blocked.read_text() == "192.0.2.1\n"
    assert run("add", "; id").returncode == 64
    (tmp_path / "blocked.broken").touch()
    for action in ("add", "delete", "present"):
        done = run(action, "192.0.2.1")
        assert done.returncode == 69
        assert done.stderr == "no such device\nexample-drop.sh: cannot ask examplectl\n"
    (tmp_path / "blocked.broken").unlink()
    assert run("delete", "192.0.2.1").returncode == 0
    assert blocked.read_text() == ""
