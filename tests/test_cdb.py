"""Constant databases: what is written is read again, by us and by anybody; what is damaged is refused, never raised."""

from __future__ import annotations

import struct
from typing import Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.cdb import Cdb, CdbError, build_cdb, hash_of

RECORDS = st.dictionaries(st.binary(max_size=20), st.binary(max_size=20), max_size=200)
SOME = build_cdb([(b"one", b"1"), (b"two", b""), (b"", b"empty"), (b"one", b"second")])


def read_plainly(content: bytes, key: bytes) -> List[bytes]:
    """Return the values of a key as the format's description finds them, written apart from the code under test."""
    h = 5381
    for byte in key:
        h = ((h << 5) + h) % 2**32 ^ byte
    (start, slots) = struct.unpack("<II", content[h % 256 * 8 :][:8])
    found = []
    for step in range(slots):
        slot = (h // 256 + step) % slots
        (slot_hash, at) = struct.unpack("<II", content[start + 8 * slot :][:8])
        if at == 0:
            break
        (key_length, value_length) = struct.unpack("<II", content[at:][:8])
        record = content[at + 8 :]
        if slot_hash == h and record[:key_length] == key:
            found.append(record[key_length:][:value_length])
    return found


@given(RECORDS, st.binary(max_size=20))
def test_what_is_written_is_read_again(records: Dict[bytes, bytes], other: bytes) -> None:
    content = build_cdb(records.items())
    table = Cdb(content)
    assert len(table) == len(records)
    for key in (*records, other):
        assert table.get(key) == records.get(key)


@given(st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3)), max_size=60))
def test_any_reader_finds_it_and_of_equal_keys_the_first(records: List[Tuple[bytes, bytes]]) -> None:
    content = build_cdb(records)
    for key, _ in records:
        values = [value for known, value in records if known == key]
        assert read_plainly(content, key) == values
        assert Cdb(content).get(key) == values[0]


def test_the_layout_is_that_of_the_description() -> None:
    """256 pairs, the record, and one table of two slots; worked out by hand."""
    content = build_cdb([(b"a", b"xy")])
    hashed = 5381 * 33 ^ ord("a")
    assert hash_of(b"a") == hashed
    record = struct.pack("<II", 1, 2) + b"axy"
    tables = b""
    for number in range(256):
        at = 2048 + len(record) + (16 if number > hashed % 256 else 0)
        tables += struct.pack("<II", at, 2 if number == hashed % 256 else 0)
    slots = [struct.pack("<II", 0, 0)] * 2
    slots[hashed // 256 % 2] = struct.pack("<II", hashed, 2048)
    assert content == tables + record + b"".join(slots)


def test_an_empty_one_has_nothing() -> None:
    content = build_cdb([])
    assert len(content) == 2048
    assert (len(Cdb(content)), Cdb(content).get(b"")) == (0, None)


def test_the_tables_may_stand_anywhere_when_they_are_empty() -> None:
    """Some writers leave the place of an empty table 0."""
    content = bytearray(SOME)
    for number in range(256):
        at, slots = struct.unpack_from("<II", content, 8 * number)
        struct.pack_into("<II", content, 8 * number, at if slots else 0, slots)
    assert Cdb(bytes(content)).get(b"one") == b"1"


@pytest.mark.parametrize("size", range(0, len(SOME), 7))
def test_one_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(CdbError):
        Cdb(SOME[:size])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "0 bytes, and a cdb file has 2048 at least"),
        (b"key:value\n" * 300, "cut off or damaged: a hash table should begin at byte "),
        (SOME[:-8], "cut off: a hash table should reach to byte "),
        (SOME[:2048] + b"\xff" * 8 + SOME[2056:], "damaged: the record at byte 2048 does not end where the next"),
        (build_cdb([]) + b"x" * 9, "damaged: the record at byte 2048 does not end"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, what: str) -> None:
    with pytest.raises(CdbError) as refusal:
        Cdb(content)
    assert str(refusal.value).startswith(what)


def test_a_slot_that_leads_astray_is_refused() -> None:
    content = bytearray(SOME)
    start, _ = struct.unpack_from("<II", content, 8 * (hash_of(b"two") % 256))
    slot = next(at for at in range(start, start + 16, 8) if struct.unpack_from("<I", content, at + 4) != (0,))
    struct.pack_into("<I", content, slot + 4, 2049)
    with pytest.raises(CdbError, match="leads to byte 2049, where no record begins"):
        Cdb(bytes(content))


@given(st.integers(0, len(SOME) - 1), st.integers(0, 255), st.binary(max_size=4))
def test_a_damaged_byte_is_refused_or_does_no_harm(at: int, byte: int, key: bytes) -> None:
    """A look-up in what was not refused has an answer, right or wrong, and never raises."""
    content = bytearray(SOME)
    content[at] = byte
    try:
        table = Cdb(bytes(content))
    except CdbError:
        return
    for wanted in (key, b"one", b"two", b""):
        assert table.get(wanted) is None or isinstance(table.get(wanted), bytes)


def test_one_that_would_be_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ar.cdb.BYTES_MAX", 2100)
    with pytest.raises(CdbError, match="more than the 4 GiB"):
        build_cdb([(b"x" * 40, b"")])
