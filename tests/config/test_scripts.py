"""Which script files may be run as root: each way in which one may not is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trialhome import Trial

from ar.config.scripts import fault_of_content, fault_of_script
from ar.shipped import shipped_scripts

NOBODY = 65534
CR_LF = "its lines end in CR LF, as on Windows, so its interpreter is not found: expected LF alone"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.mark.parametrize("mode", [0o500, 0o550, 0o750, 0o755])
def test_a_script_that_only_its_owner_can_write_may_be_run(trial, mode):
    assert fault_of_script(trial.script(mode=mode), os.geteuid()) is None


def test_a_missing_script_is_named_so(trial):
    trial.script("other.sh")
    assert fault_of_script(trial.home.scripts / "a.sh", 0) == "there is no such script"


def test_a_missing_folder_is_a_missing_script(trial):
    assert fault_of_script(trial.home.scripts / "a.sh", 0) == "there is no such script"


def test_a_folder_is_no_script(trial):
    (trial.home.scripts / "a.sh").mkdir(parents=True)
    assert fault_of_script(trial.home.scripts / "a.sh", os.geteuid()) == "it is not a regular file"


def test_a_fifo_is_no_script(trial):
    trial.script()
    os.mkfifo(trial.home.scripts / "a.sh", 0o755)
    assert fault_of_script(trial.home.scripts / "a.sh", os.geteuid()) == "it is not a regular file"


def test_a_script_without_execute_bits_is_refused(trial):
    assert fault_of_script(trial.script(mode=0o640), os.geteuid()) == "it is not executable"


@pytest.mark.parametrize("mode", [0o770, 0o757, 0o777])
def test_a_script_that_others_can_write_is_refused(trial, mode):
    assert fault_of_script(trial.script(mode=mode), os.geteuid()) == f"it is writable by others (mode {mode:04o})"


def test_a_folder_in_which_others_can_swap_the_script_is_refused(trial):
    path = trial.script()
    path.parent.chmod(0o777)
    assert fault_of_script(path, os.geteuid()) == "its folder is writable by others (mode 0777)"


@root_only
def test_a_script_of_some_other_user_is_refused_but_the_agents_own_is_fine(trial):
    path = trial.script()
    os.chown(path, NOBODY, -1)
    assert fault_of_script(path, 0) == f"it belongs to user {NOBODY}, not to root or the agent's user"
    assert fault_of_script(path, NOBODY) is None


def test_a_link_within_the_folder_is_judged_by_what_it_leads_to(trial):
    target = trial.script("real.sh")
    link = trial.home.scripts / "firewall-drop.sh"
    link.symlink_to("real.sh")
    assert fault_of_script(link, os.geteuid()) is None
    target.chmod(0o777)
    assert fault_of_script(link, os.geteuid()) == "it is writable by others (mode 0777)"


def test_a_link_that_leads_out_of_the_folder_is_refused(trial):
    trial.script()
    outside = trial.write("etc/elsewhere.sh", "#!/bin/sh\n")
    outside.chmod(0o755)
    link = trial.home.scripts / "a.sh"
    link.symlink_to(outside)
    assert fault_of_script(link, os.geteuid()) == f"it leads out of its folder, to {os.path.realpath(outside)}"


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_an_impossible_name_is_refused_without_raising(trial, name):
    trial.script()
    assert str(fault_of_script(trial.home.scripts / name, 0)).startswith("it cannot be looked at (")


@pytest.mark.parametrize("name", ["../a.sh", "sub/a.sh", "..", ".", "../bin/../a.sh"])
def test_a_name_that_leads_elsewhere_is_refused(trial, name):
    folder = trial.script().parent
    for path in (folder / "../a.sh", folder / "sub/a.sh"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    fault = fault_of_script(folder / name, os.geteuid(), folder=folder)
    assert fault == f"it does not stand directly in {folder}"


def test_an_absolute_name_is_refused(trial):
    folder = trial.script().parent
    assert fault_of_script(folder / "/bin/sh", 0, folder=folder) == f"it does not stand directly in {folder}"


@pytest.mark.parametrize("above", ["active-response", ""])
@pytest.mark.parametrize("mode", [0o770, 0o757, 0o1777])
def test_a_folder_up_to_the_home_that_others_can_write_is_refused(trial, above, mode):
    path = trial.script()
    folder = trial.home.root / above
    folder.chmod(mode)
    expected = f"{folder}, above it, is writable by others (mode {mode:04o})"
    assert fault_of_script(path, os.geteuid(), folder=trial.home.scripts) == expected


@root_only
def test_a_home_of_some_other_user_is_refused(trial):
    path = trial.script()
    os.chown(trial.home.root, NOBODY, -1)
    fault = fault_of_script(path, 0, folder=trial.home.scripts)
    assert fault == f"{trial.home.root}, above it, belongs to user {NOBODY}, not to root or the agent's user"
    os.chown(trial.home.root, 0, -1)


def test_what_is_above_the_home_is_not_looked_at(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    trial = Trial(tmp_path / "shared/home")
    assert fault_of_script(trial.script(), os.geteuid(), folder=trial.home.scripts) is None


def test_a_script_at_the_top_of_the_file_system_needs_no_home():
    assert fault_of_script(Path("/no-such-script.sh"), 0) == "there is no such script"


@pytest.mark.parametrize("path", sorted(shipped_scripts().glob("*.sh")), ids=lambda path: path.name)
def test_nothing_keeps_a_shipped_script_from_starting(path):
    if not path.read_text().startswith("# shellcheck shell=sh"):  # these are only read by others
        assert fault_of_content(path) is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("#!/bin/sh\r\nexit 0\r\n", CR_LF),
        ("#!/no/such/python3 -u\n", "its interpreter '/no/such/python3' does not exist here or cannot be run"),
        ("#!\n", "its interpreter '' does not exist here or cannot be run"),
        ("exit 0\n", "its first line names no interpreter, such as #!/bin/sh"),
        ("", "its first line names no interpreter, such as #!/bin/sh"),
        ('#!/bin/sh\n. "${0%/*}/lib.sh"\n', "it reads lib.sh, which is not beside it"),
        ('#!/bin/sh\n. "$(dirname "$0")/lib.sh"\n', "it reads lib.sh, which is not beside it"),
        ("#!/bin/sh\n. ./lib.sh\n", "it reads lib.sh, which is not beside it"),
        ("#!/bin/sh\n. lib.sh # the rest\n", "it reads lib.sh, which is not beside it"),
        ('#!/bin/bash\nsource "${0%/*}/tables.sh"\n', "it reads tables.sh, which is not beside it"),
        ("#!/bin/sh\n. /no/such/lib.sh\n", "it reads /no/such/lib.sh, which is not there"),
    ],
)  # fmt: skip
def test_what_keeps_a_script_from_starting_is_named(trial, content, fault):
    path = trial.script()
    path.write_bytes(content.encode())
    assert fault_of_content(path) == fault


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF\x00\x01 and no first line",
        b"#! /bin/sh\nexit 0\n",
        b"#!/bin/sh\n# . lib.sh is not read here\nif [ -r /no/such.sh ]; then\n    . /no/such.sh\nfi\n",
        b'#!/bin/sh\n. "$FOLDER/other.sh"\n',
    ],
    ids=["no text", "space before the interpreter", "read only if there", "a name that cannot be told"],
)
def test_what_cannot_be_told_is_no_fault(trial, content):
    path = trial.script()
    path.write_bytes(content)
    assert fault_of_content(path) is None


def test_a_script_whose_lib_stands_beside_it_is_fine(trial):
    path = trial.script()
    path.write_text('#!/bin/sh\n. "${0%/*}/lib.sh"\n')
    trial.script("lib.sh", mode=0o640)
    assert fault_of_content(path) is None


def test_a_script_that_is_gone_meanwhile_is_told_and_does_not_raise(trial):
    assert fault_of_content(trial.home.scripts / "a.sh") == "it cannot be read (No such file or directory)"
