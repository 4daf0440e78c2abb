"""No text that an attacker chose ever makes the shipped decoders name another address than the true one."""

from __future__ import annotations

import pytest
from hostile import ALWAYS_FOUND, FAKE, FILLERS, LINES, LOOKALIKES, NEVER_FOUND, OUR_LINE_BYTES_MAX, TRUE
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.model import Line, parse_address
from ar.ruleset import golden

DETECTOR = golden.detector_for(golden.shipped_ruleset())
PIECES = st.one_of(
    st.sampled_from(LOOKALIKES),
    st.sampled_from(FILLERS),
    st.sampled_from(
        ["  ", "\\", "(", "[", ": ", ", ", "%20", "\U0001f600", "\ufeff", "\r", "\x1b[2J", "\x7f", "ﬀ" * 300]
    ),
    st.text(max_size=20),
    st.integers(0, 2100).map(lambda length: "A" * length),
)
HOSTILE = st.lists(PIECES, max_size=6).map("".join)


def blamed(text):
    """Return the address that a response would be given for the line, as text, or None."""
    DETECTOR.forget()
    verdict = DETECTOR.take(Line("log", text, golden.READ_AT_S))
    address = parse_address(verdict.event.fields.get("srcip", ""))
    assert verdict.alert is None or verdict.alert.srcip == address
    return None if address is None else str(address)


@pytest.mark.parametrize("name", LINES)
def test_an_ordinary_name_is_read(name):
    """With nothing hostile in it each line gives its address, so that the tests below prove something."""
    assert blamed(LINES[name]("alice")) == (None if name in NEVER_FOUND else TRUE)


@pytest.mark.parametrize("name", LINES)
def test_lookalikes_never_name_another_address(name):
    """Each look-alike of a failure, before and behind each filler, in each field of each message."""
    for lookalike in LOOKALIKES:
        for filler in FILLERS:
            for text in (filler + lookalike, lookalike + filler):
                assert blamed(LINES[name](text)) in (TRUE, None), text


@pytest.mark.parametrize("name", ALWAYS_FOUND)
def test_true_address_is_found_where_it_comes_first(name):
    """Nor can a look-alike hide the address of a line in which the program writes it before anything else."""
    for lookalike in LOOKALIKES:
        assert blamed(LINES[name](lookalike)) == TRUE, lookalike


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=40, deadline=None)
@given(HOSTILE)
def test_no_text_names_another_address(name, text):
    """Whatever look-alikes, fillers and characters are strung together."""
    assert blamed(LINES[name](text)) in (TRUE, None)


@pytest.mark.parametrize("name", LINES)
def test_cutting_a_line_anywhere_names_no_other_address(name):
    """A syslog daemon, a program or the agent cuts a long line: at no length does foreign text become its end.

    sshd's own cut is in its line; here the text is long enough for the agent's.
    """
    for lookalike in (f"x from {FAKE} port 22 ssh2", f"x rhost={FAKE}", f'x", client: {FAKE}, server: _'):
        for length in range(OUR_LINE_BYTES_MAX - 300, OUR_LINE_BYTES_MAX, 7):
            line = LINES[name]("A" * length + lookalike + " " + "B" * 3000)
            assert blamed(line) in (TRUE, None), length


@given(
    st.integers(0, 1100), st.sampled_from([f"x from {FAKE} port 22 ssh2", f"from {FAKE} port 1 ssh2: RSA SHA256:AA"])
)
@settings(max_examples=300, deadline=None)
def test_certificate_id_that_sshd_cuts_poses_as_nothing(length, lookalike):
    """A certificate's ID may be long enough that sshd's cut ends the line with the look-alike."""
    for name in ("certificate", "certificate of root"):
        assert blamed(LINES[name]("A" * length + " " + lookalike)) in (TRUE, None)


def test_every_place_of_the_cut_is_met():
    """The ID is made such that the cut falls exactly behind the look-alike."""
    fake = f" from {FAKE} port 22 ssh2"
    for length in range(600, 1023):
        line = LINES["certificate of root"]("A" * length + fake)
        if line.endswith(fake):
            assert blamed(line) is None
            return
    pytest.fail("no length put the cut there")


@pytest.mark.parametrize(
    "user",
    [
        "Received disconnect from 192.0.2.1 port 1:11: x",
        "Connection closed by x",
        "input_userauth_request: invalid user x",
    ],
)
def test_user_name_silences_no_rule(user):
    """A name that reads like a message of no interest still counts as the failure it is."""
    for line in (
        f"Failed password for invalid user {user} from {TRUE} port 4242 ssh2",
        f"Invalid user {user} from {TRUE}",
    ):
        verdict = DETECTOR.take(Line("log", f"Nov 20 10:00:00 pi sshd[812]: {line}", golden.READ_AT_S))
        assert verdict.rule is not None
        assert verdict.rule.id == 5710


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_message_of_another_program_names_an_address(text):
    """A program that no decoder knows may write what it likes."""
    one_line = text.replace("\n", " ")
    for lookalike in LOOKALIKES[:4]:
        assert blamed(f"Nov 20 10:00:00 pi myapp[812]: x {one_line}{lookalike}") is None
