"""Loading as a whole: whatever stands in the files, it says so and never raises."""

from __future__ import annotations

import errno
import os
import pathlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tomlprint import CONF
from trialhome import Trial

from ar.config.check import doubts
from ar.config.tomlprint import write_toml
from ar.shipped import SHIPPED_DECODERS, SHIPPED_RULES

# With an empty etc/decoder.xml beside it this is quick to load, as hundreds of examples must be.
FEW_RULES = "<rules><include>rules_config.xml</include></rules>"

WORDS = st.sampled_from(
    [
        "ossec_config", "agent_config", "command", "active-response", "global", "rules", "localfile", "syscheck",
        "name",
        "executable", "expect", "timeout_allowed", "level", "rules_id", "rules_group", "timeout", "repeated_offenders",
        "location", "agent_id", "disabled", "white_list", "include", "decoder", "rule_dir", "list", "log_format", "zzz",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["", "yes", "no", "0", "-1", "6", "8,9", "30,60", "10m", "a", "a.sh", "srcip", "all", "x" * 5000]),
    st.text(max_size=12),
    st.integers().map(str),
)


@st.composite
def elements(draw, depth: int = 3) -> str:
    word = draw(WORDS)
    inside = draw(VALUES)
    if depth and draw(st.booleans()):
        inside = "".join(draw(st.lists(elements(depth=depth - 1), max_size=4)))
    return f"<{word}>{inside}</{word}>"


def load_all(files: dict[str, bytes]) -> None:
    """Load, look for doubts, and print where that is due: none of it may raise."""
    with TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        trial.write("etc/decoder.xml", "")
        for name, content in files.items():
            trial.write(name, content)
        loaded = trial.load()
        doubts(loaded)
        for finding in loaded.mistakes + loaded.warnings:
            assert finding.place.file
            assert len(str(finding)) < 100_000
        if not loaded.mistakes:
            write_toml(loaded.config)


@given(st.lists(elements(), max_size=6))
@settings(max_examples=150, deadline=None)
def test_elements_in_any_order_never_raise(parts):
    text = "<ossec_config>" + "".join(parts) + FEW_RULES + "</ossec_config>"
    load_all({"etc/ossec.conf": text.encode("utf-8", "surrogatepass")})


@given(st.integers(0, len(CONF)), st.integers(0, 40), st.text(max_size=10))
@settings(max_examples=80, deadline=None)
def test_a_good_configuration_with_a_piece_replaced_never_raises(at, length, piece):
    text = "<ossec_config>" + FEW_RULES + CONF[:at] + piece + CONF[at + length :] + "</ossec_config>"
    load_all({"etc/ossec.conf": text.encode("utf-8", "surrogatepass")})


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=30, deadline=None)
def test_any_bytes_in_any_file_never_raise(ossec_conf, agent_conf, agent_toml):
    load_all({"etc/ossec.conf": ossec_conf, "etc/shared/agent.conf": agent_conf, "etc/agent.toml": agent_toml})


TOML_VALUES = st.recursive(
    st.one_of(
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["true", "1979-05-27", "''", "'8,9'", "'a.sh'", "'10m'"]),
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        values.map(lambda value: f"{{ name = {value} }}"),
    ),
    max_leaves=5,
)
TOML_KEYS = st.sampled_from(
    [
        "settle", "forget_after", "ipv6_prefix", "agent_id", "limits", "contract", "allow", "repeated_offenders",
        "command",
        "response", "localfile", "rules", "name", "level", "timeout", "limits.scripts_max", "zzz", '"quoted key"',
    ]
)  # fmt: skip
TOML_LINES = st.one_of(
    st.tuples(TOML_KEYS, TOML_VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.sampled_from(
        ["[limits]", "[contract]", "[rules]", "[[command]]", "[[response]]", "[[localfile]]", "[zzz]", '"""']
    ),
)


@given(st.lists(TOML_LINES, max_size=8))
@settings(max_examples=200, deadline=None)
def test_toml_of_any_keys_and_values_never_raises(lines):
    conf = f"<ossec_config>{FEW_RULES}</ossec_config>".encode()
    load_all({"etc/ossec.conf": conf, "etc/agent.toml": "\n".join(lines).encode()})


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "../../../../../../etc/shadow/x"])
def test_impossible_file_names_are_mistakes(trial, name):
    escaped = name.replace("\0", "\\u0000")
    trial.toml(
        f'[rules]\ninclude = ["{escaped}"]\ndecoder = ["{escaped}"]\nrule_dir = ["{escaped}"]\nlist = ["{escaped}"]\n'
    )
    assert len(trial.mistakes()) == 3
    assert len(trial.warnings()) == 1


def test_a_file_that_is_no_regular_file_does_not_make_it_hang(trial):
    trial.conf("<rules><include>rules_config.xml</include></rules>")
    os.mkfifo(trial.home.ossec_conf.with_name("agent.toml"))
    assert trial.mistakes() == [f"etc/agent.toml: {trial.home.agent_toml} cannot be read: expected a regular file"]


def test_an_enormous_file_is_refused(trial):
    trial.write("etc/ossec.conf", b" " * (16 * 1024 * 1024 + 1))
    assert trial.mistakes() == [f"etc/ossec.conf: {trial.home.ossec_conf} is too large: expected at most 16 MiB"]


def load_as(trial, error: OSError, monkeypatch, *, after: int) -> list[str]:
    """Load while every opening of a file or folder but the first `after` ones fails; return the mistakes."""
    openings = {"open": os.open, "listdir": os.listdir, "scandir": os.scandir}
    left = [after]

    def failing(name):
        def opening(*arguments, **options):
            if left[0] <= 0:
                raise error
            left[0] -= 1
            return openings[name](*arguments, **options)

        return opening

    with monkeypatch.context() as patch:
        for name in openings:
            patch.setattr(os, name, failing(name))
            if hasattr(pathlib, "_normal_accessor") and hasattr(pathlib._normal_accessor, name):  # Python 3.9
                patch.setattr(pathlib._normal_accessor, name, failing(name))
        return [str(mistake) for mistake in trial.load().mistakes]


FAILURES = [OSError(errno.EMFILE, os.strerror(errno.EMFILE)), OSError(errno.ENOENT, os.strerror(errno.ENOENT))]


@pytest.mark.parametrize("error", FAILURES, ids=["no descriptor left", "gone in the meantime"])
def test_files_that_cannot_be_opened_just_now_are_mistakes_with_their_names(trial, monkeypatch, error):
    """A reload may come when the process is out of descriptors, or while files are being replaced."""
    trial.conf("")
    reason = os.strerror(error.errno)
    conf = f"etc/ossec.conf: {trial.home.ossec_conf} cannot be read ({reason})"
    rules = f"shipped rules: the shipped rules cannot be read ({reason}): expected rule files in {SHIPPED_RULES}"
    decoders = f"shipped decoder.xml: {SHIPPED_DECODERS} cannot be read ({reason})"
    assert load_as(trial, error, monkeypatch, after=0) == [conf, rules, decoders]
    assert load_as(trial, error, monkeypatch, after=1) == [rules, decoders]
    assert load_as(trial, error, monkeypatch, after=2)[0] == decoders
    assert load_as(trial, error, monkeypatch, after=100) == []


def test_a_rule_folder_that_cannot_be_opened_just_now_is_a_mistake(trial, monkeypatch):
    trial.conf("<rules><include>rules_config.xml</include><rule_dir>rules</rule_dir></rules>")
    trial.write("rules/a.xml", "")
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    expected = "etc/ossec.conf:2: <rule_dir> is 'rules', which cannot be read (Too many open files)"
    assert load_as(trial, error, monkeypatch, after=1)[0].startswith(expected)


def test_an_executable_whose_files_were_swept_away_is_a_mistake(trial, monkeypatch):
    """With no shipped rules nothing would be blocked any more, and nobody would be told."""
    trial.conf("")
    empty = trial.home.root / "swept"
    monkeypatch.setattr("ar.shipped.SHIPPED_RULES", empty)
    (gone,) = trial.mistakes()
    assert gone.startswith("shipped rules: the shipped rules cannot be read (No such file or directory)")
    empty.mkdir()
    (none,) = trial.mistakes()
    assert none.startswith("shipped rules: the shipped rules cannot be read (it is empty)")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["", "etc"])
def test_a_home_that_may_not_be_entered_is_one_mistake_and_nothing_follows_from_it(trial, closed):
    """Nothing in it seems to be there, which is not the same as that nothing is."""
    trial.conf("<active-response/>")
    trial.write("rules/local_rules.xml", "")
    for folder in (*trial.home.root.parents, trial.home.root):
        if folder.owner() == "root" and len(folder.parts) > 2:
            folder.chmod(0o755)
    folder = trial.home.root / closed
    folder.chmod(0o700)
    os.seteuid(65534)
    try:
        loaded = trial.load()
        found = doubts(loaded)
    finally:
        os.seteuid(0)
    assert [str(mistake) for mistake in loaded.mistakes] == [
        f"etc/ossec.conf: {folder} cannot be entered: Permission denied: expected root, or a home of your own"
    ]
    assert found == loaded.warnings == []
