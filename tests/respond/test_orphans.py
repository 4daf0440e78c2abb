"""Scripts that outlive the agent that started them: the next one waits for them, and ends those that hang."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from ar.respond.orphans import Orphans


@pytest.fixture
def home(tmp_path):
    """A folder in which a former agent starts scripts and is then gone, as after kill -9."""

    class Former:
        def __init__(self):
            self.root = tmp_path
            self.path = tmp_path / "scripts.lock"
            self.said = []
            self.scripts = []

        def orphans(self):
            return Orphans(self.path, self.root, lambda severity, text: self.said.append((severity, text)))

        def leave(self, *, noted=True, home=None):
            former = self.orphans()
            former.note([], starting=True)
            script = subprocess.Popen(
                ["sleep", "60"], pass_fds=former.inherited, start_new_session=True,
                env={"AR_HOME": str(home or self.root)},
            )  # fmt: skip
            self.scripts.append(script)
            if noted:
                former.note([script.pid])
            os.close(former.inherited[0])
            return script

    former = Former()
    yield former
    for script in former.scripts:
        script.kill()
        script.wait()


def test_without_orphans_nothing_is_waited_for(home):
    assert home.orphans().are_gone
    assert home.said == []


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "killed before it was noted"])
def test_an_orphan_is_waited_for_until_it_ends(home, noted):
    script = home.leave(noted=noted)
    orphans = home.orphans()
    assert not orphans.are_gone
    orphans.look(0.0, 30, 5)
    assert not orphans.are_gone
    assert orphans.next_look_s == 0.1
    script.kill()
    script.wait()
    orphans.look(1.0, 30, 5)
    assert orphans.are_gone
    assert orphans.next_look_s is None
    assert [text for _, text in home.said] == [
        "Scripts of an agent that was killed still run; nothing is started before they end."
    ]


def test_an_orphan_that_hangs_is_killed_at_its_deadline(home):
    script = home.leave()
    orphans = home.orphans()
    orphans.look(0.0, 30, 5)
    orphans.look(29.9, 30, 5)
    assert script.poll() is None
    orphans.look(30.0, 30, 5)
    assert script.wait(timeout=20) == -signal.SIGKILL
    orphans.look(31.0, 30, 5)
    assert orphans.are_gone


def test_an_orphan_of_an_agent_that_reached_the_home_by_another_path_is_killed_too(home):
    link = home.root.with_name(f"{home.root.name}-link")
    link.symlink_to(home.root)
    script = home.leave(home=link)
    orphans = home.orphans()
    orphans.look(0.0, 30, 5)
    orphans.look(30.0, 30, 5)
    assert script.wait(timeout=20) == -signal.SIGKILL
    link.unlink()


def test_a_number_that_no_process_can_have_keeps_nothing_from_starting(home):
    daemon = home.leave()
    home.path.write_text(f"{2**31} {2**99} 0 1 -5\n")
    assert home.orphans().are_gone
    assert daemon.poll() is None


def test_a_process_group_whose_number_went_to_somebody_else_is_left_alone(home):
    script = home.leave(home="/another/home")
    orphans = home.orphans()
    orphans.look(0.0, 30, 5)
    orphans.look(30.0, 30, 5)
    time.sleep(0.05)
    assert script.poll() is None
    orphans.look(35.0, 30, 5)
    assert orphans.are_gone, "and it is not waited for any longer"
    assert home.said[-1][0] == "ERROR"


@pytest.mark.parametrize("noted", [[], [2**22 + 1]], ids=["the script had ended", "its end was not noted"])
def test_what_a_script_left_running_on_purpose_is_not_waited_for(home, noted):
    """A restart script starts a daemon, which holds on to what it inherited."""
    former = home.orphans()
    daemon = subprocess.Popen(["sleep", "60"], pass_fds=former.inherited, start_new_session=True)
    home.scripts.append(daemon)
    former.note(noted)
    os.close(former.inherited[0])
    assert home.orphans().are_gone


def test_a_lock_that_is_no_file_is_told_and_keeps_nothing_from_starting(home):
    os.mkfifo(home.path)
    orphans = home.orphans()
    assert orphans.are_gone
    assert orphans.inherited == []
    assert "cannot be used: Illegal seek" in home.said[0][1]


def test_a_lock_that_cannot_be_opened_is_told_and_keeps_nothing_from_starting(home):
    home.path.mkdir()
    orphans = home.orphans()
    assert orphans.are_gone
    assert orphans.inherited == []
    assert home.said[0][0] == "ERROR"
