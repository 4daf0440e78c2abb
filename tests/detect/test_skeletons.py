"""Where things are in lines of one skeleton, whose runs of digits are of any length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.detect.skeletons import shrink, skeleton_of, stretch

STAMP = b"Xxx 00 00:00:00 "
SHAPES = st.text("0a.", max_size=40).map(lambda rest: STAMP + rest.encode())


@given(SHAPES)
def test_each_run_after_the_stamp_is_one_digit_of_the_skeleton(shape):
    assert skeleton_of(shape) == STAMP + re.sub(b"0+", b"0", shape[len(STAMP) :])


@given(SHAPES, st.data())
def test_places_are_found_again_in_each_shape(shape, data):
    """Whatever the lengths of the runs are, the same parts are cut out."""
    edges = [at for at in range(len(STAMP), len(shape) + 1) if shape[at - 1 : at + 1] != b"00"]
    first, end = sorted(data.draw(st.lists(st.sampled_from(edges), min_size=2, max_size=2)))
    places = (slice(0, 15), slice(first, end), slice(first, None), slice(0, 0))
    in_skeleton = shrink(places, shape)
    assert stretch(in_skeleton, shape) == list(places)
    skeleton = skeleton_of(shape)
    longer = STAMP + re.sub(b"0", lambda _: b"0" * data.draw(st.integers(1, 5)), skeleton[len(STAMP) :])
    for wanted, found in zip(places, stretch(in_skeleton, longer)):
        assert skeleton_of(STAMP + longer[found]) == skeleton_of(STAMP + shape[wanted])


@pytest.mark.parametrize("place", [slice(17, 19), slice(16, 18), slice(17, None)])
def test_a_place_that_begins_or_ends_within_a_run_is_none(place):
    assert shrink((place,), STAMP + b"0000") is None
