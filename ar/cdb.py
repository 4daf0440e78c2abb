"""Constant databases: files of keys with values that are looked up where they lie (http://cr.yp.to/cdb/cdb.txt).

A file begins with 256 pairs of numbers: where the hash table with that number stands and how many slots it has. Then
come the records (length of the key, length of the value, key, value), then the tables. The lowest byte of a key's hash
is the number of its table, the rest modulo its slots is where to begin in it; a slot holds a hash and where its
record stands, and an empty one ends the search. All numbers have 32 bits, the lowest byte first.
"""

from __future__ import annotations

import struct
from typing import Iterable, Optional, Sequence, Tuple

BYTES_MAX = 0xFFFFFFFF  # numbers have 32 bits
_TABLES = 256
_HEADER = struct.Struct(f"<{2 * _TABLES}I")
_PAIR = struct.Struct("<II")


class CdbError(ValueError):
    """These bytes are no constant database, or no such can be made; the text says why."""


class Cdb:
    """A constant database in memory, as it stands in its file.

    `len()` is the number of its records. Raises CdbError when the bytes are no such database; after that a look-up
    always has an answer.
    """

    __slots__ = ("_content", "_count", "_tables")

    def __init__(self, content: bytes) -> None:
        if len(content) < _HEADER.size:
            raise CdbError(f"{len(content)} bytes, and a cdb file has {_HEADER.size} at least")
        numbers = _HEADER.unpack_from(content)
        self._content = content
        self._tables = tuple(zip(numbers[::2], numbers[1::2]))
        self._count = _count_records(content, self._tables)

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> Optional[bytes]:
        """Return the value of the first record with this key, None when there is none."""
        hashed = hash_of(key)
        start, slots = self._tables[hashed % _TABLES]
        if not slots:
            return None
        first = (hashed // _TABLES) % slots
        for slot in range(first, first + slots):
            found, at = _PAIR.unpack_from(self._content, start + slot % slots * _PAIR.size)
            if not at:
                return None
            if found == hashed:
                key_bytes, value_bytes = _PAIR.unpack_from(self._content, at)
                key_at = at + _PAIR.size
                value_at = key_at + key_bytes
                if self._content[key_at:value_at] == key:
                    return self._content[value_at : value_at + value_bytes]
        return None


def hash_of(key: bytes) -> int:
    """Return the hash of a key: 5381, then for each byte times 33, exclusive-or that byte."""
    hashed = 5381
    for byte in key:
        hashed = (hashed * 33 & 0xFFFFFFFF) ^ byte
    return hashed


def build_cdb(records: Iterable[Tuple[bytes, bytes]]) -> bytes:
    """Return the file that holds these keys and values, in this order. Raises CdbError when it would be too large."""
    written = bytearray(_HEADER.size)
    tables = [bytearray() for _ in range(_TABLES)]  # pairs of a hash and where its record stands
    for number, (key, value) in enumerate(records, start=1):
        hashed = hash_of(key)
        tables[hashed % _TABLES] += _PAIR.pack(hashed, len(written))
        written += _PAIR.pack(len(key), len(value)) + key + value
        if len(written) + 2 * number * _PAIR.size > BYTES_MAX:
            raise CdbError("more than the 4 GiB that a cdb file can have")
    for number, pairs in enumerate(tables):
        table = _table(pairs)
        _PAIR.pack_into(written, number * _PAIR.size, len(written), len(table) // _PAIR.size)
        written += table
    return bytes(written)


def _table(pairs: bytearray) -> bytearray:
    """Return a hash table with two slots for each pair, filled in order, so that of equal keys the first is found."""
    slots = 2 * len(pairs) // _PAIR.size
    table = bytearray(2 * len(pairs))
    for hashed, at in _PAIR.iter_unpack(pairs):
        slot = (hashed // _TABLES) % slots
        while _PAIR.unpack_from(table, slot * _PAIR.size)[1]:
            slot = (slot + 1) % slots
        _PAIR.pack_into(table, slot * _PAIR.size, hashed, at)
    return table


def _count_records(content: bytes, tables: Sequence[Tuple[int, int]]) -> int:
    """Return how many records there are, having looked that all numbers lead to where they should."""
    used = [(start, slots) for start, slots in tables if slots]
    end = min((start for start, _ in used), default=len(content))
    if not _HEADER.size <= end <= len(content):
        raise CdbError(f"cut off or damaged: a hash table should begin at byte {end}, and there are {len(content)}")
    begins = _mark_records(content, end)
    for start, slots in used:
        stop = start + slots * _PAIR.size
        if stop > len(content):
            raise CdbError(f"cut off: a hash table should reach to byte {stop}, and there are {len(content)}")
        for hashed, at in _PAIR.iter_unpack(content[start:stop]):
            if at and (at >= end or not begins[at]):
                raise CdbError(f"damaged: hash {hashed:08x} leads to byte {at}, where no record begins")
    return sum(begins)


def _mark_records(content: bytes, end: int) -> bytearray:
    """Return a 1 for each byte at which a record begins; they fill the bytes up to `end` without a gap."""
    begins = bytearray(end)
    at = before = _HEADER.size
    while at + _PAIR.size <= end:
        begins[at] = 1
        before = at
        key_bytes, value_bytes = _PAIR.unpack_from(content, at)
        at += _PAIR.size + key_bytes + value_bytes
    if at != end:
        raise CdbError(f"damaged: the record at byte {before} does not end where the next begins, or at byte {end}")
    return begins
