"""Having the sweep run each minute: what is written on which host."""

from __future__ import annotations

from pathlib import Path

from ar.cli.init import install
from ar.cli.sweeptimer import timer_for

PROGRAM = ["/usr/local/sbin/ar-agent"]


def test_with_systemd_a_timer_is_written_and_what_enables_it_is_told(tmp_path):
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    timer = timer_for(tmp_path, PROGRAM, Path("/srv/my $home 100%"))
    names = [path.name for path in timer.files]
    assert names == ["ar-agent-sweep.service", "ar-agent-sweep.timer"]
    service, _ = timer.files.values()
    assert 'ExecStart="/usr/local/sbin/ar-agent" "--home" "/srv/my $$home 100%%" "sweep"\n' in service
    assert "enable --now ar-agent-sweep.timer" in timer.then


def test_without_systemd_cron_gets_a_line(tmp_path):
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    timer = timer_for(tmp_path, PROGRAM, Path("/srv/my home 100%"))
    ((path, text),) = timer.files.items()
    assert path == tmp_path / "etc/cron.d/ar-agent-sweep"
    assert text.endswith("\n* * * * * root /usr/local/sbin/ar-agent --home '/srv/my home 100\\%' sweep\n")
    assert timer.then == ""


def test_where_neither_is_the_line_is_told(tmp_path):
    timer = timer_for(tmp_path, PROGRAM, Path("/var/ossec"))
    assert timer.files == {}
    assert timer.then.endswith("* * * * * /usr/local/sbin/ar-agent --home /var/ossec sweep")


def test_a_file_that_is_there_is_kept_and_a_difference_is_told(tmp_path):
    files = {tmp_path / "a": "ours\n", tmp_path / "b": "ours\n", tmp_path / "c": "ours\n"}
    (tmp_path / "b").write_text("theirs\n")
    (tmp_path / "c").write_text("ours\n")
    assert [(one.path.name, one.what, bool(one.note)) for one in install(files)] == [
        ("a", "created", False),
        ("b", "kept", True),
        ("c", "kept", False),
    ]
    assert (tmp_path / "a").read_text() == "ours\n"
    assert (tmp_path / "b").read_text() == "theirs\n"
