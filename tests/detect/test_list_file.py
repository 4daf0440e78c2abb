"""The text of a list: which lines are entries, and which are mistakes."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.detect.list_file import MISTAKES_MAX, read_entries
from ar.errors import Mistake


def read(content: bytes) -> Tuple[List[Tuple[bytes, bytes]], List[str]]:
    mistakes: List[Mistake] = []
    entries = list(read_entries(content, "lists/x", mistakes))
    return entries, [str(mistake) for mistake in mistakes]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"192.0.2.1:spam", (b"192.0.2.1", b"spam")),
        (b"192.0.2.:net", (b"192.0.2.", b"net")),
        (b"key", (b"key", b"")),
        (b"key:", (b"key", b"")),
        (b"key:a:b", (b"key", b"a:b")),
        (b"  key : value \r", (b"key", b"value")),
        (b'"2001:db8::1":spam', (b"2001:db8::1", b"spam")),
        (b'"2001:db8:" : net', (b"2001:db8:", b"net")),
        (b'"key"', (b"key", b"")),
        (b'a"b:c', (b'a"b', b"c")),
        (b"80:443:web", (b"80", b"443:web")),
        (b"/index.html:x", (b"/index.html", b"x")),
        ("müller:ä".encode(), ("müller".encode(), "ä".encode())),
        (b"m\xfcller:x", (b"m\xfcller", b"x")),
    ],
)
def test_a_line_is_a_key_or_a_key_and_a_value(line: bytes, entry: Tuple[bytes, bytes]) -> None:
    assert read(line) == ([entry], [])


def test_comments_and_empty_lines_do_not_count() -> None:
    text = b"\xef\xbb\xbf### from here\n\n  \n#key:value\none:1\r\ntwo\n\nthree:3"
    assert read(text) == ([(b"one", b"1"), (b"two", b""), (b"three", b"3")], [])


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (b":value", "':value' has no key: expected key:value"),
        (b'"key:value', 'the quoted key of \'"key:value\' does not end: expected "key":value'),
        (b'"key" value', 'the quoted key of \'"key" value\' does not end: expected "key":value'),
        (b"2001:db8::1", "'2001:db8::1' is an IPv6 address, and the key ends at its first colon: expected the address"),
        (b"2001:db8::1:spam", "'2001:db8::1:spam' is an IPv6 address, and the key ends at its first colon"),
        (b"2001:db8::", "'2001:db8::' is an IPv6 address"),
        (b"192.0.2.0/24:net", "no address is ever looked up as '192.0.2.0/24': expected an address, or its beginning"),
        (b"a\x00b:c", "a control character: expected text"),
    ],
)
def test_a_line_that_would_not_do_what_it_says_is_a_mistake_with_its_place(line: bytes, mistake: str) -> None:
    entries, mistakes = read(b"fine:1\n" + line + b"\nfine:2\n")
    assert entries == [(b"fine", b"1"), (b"fine", b"2")]
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"lists/x:2: {mistake}")


def test_a_file_that_is_no_list_is_not_told_of_line_by_line() -> None:
    _, mistakes = read(b"\x00\n" * 1000)
    assert len(mistakes) == MISTAKES_MAX + 1
    assert mistakes[-1] == f"lists/x: {1000 - MISTAKES_MAX} more lines that are wrong: expected keys and values"


@given(st.binary(max_size=200))
def test_any_bytes_are_read(content: bytes) -> None:
    entries, _ = read(content)
    assert all(key for key, _ in entries)
