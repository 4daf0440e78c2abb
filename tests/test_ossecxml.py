"""OSSEC's dialect of XML, as os_xml.c reads it and as its users write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.errors import ConfigError
from ar.ossecxml import DEPTH_MAX, STRAY_TEXT, expand_variables, parse


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse(text, "f.xml")
    return str(error.value)


def test_several_roots_stand_in_one_file_and_know_their_lines() -> None:
    roots = parse("<a>1</a>\n\n<b x='2'>\n  <c/>\n</b>", "f.xml")
    assert [(root.name, str(root.place)) for root in roots] == [("a", "f.xml:1"), ("b", "f.xml:3")]
    assert roots[1].attributes == {"x": "2"}
    assert str(roots[1].children[0].place) == "f.xml:4"


def test_a_backslash_lets_a_less_than_sign_through() -> None:
    """Both characters reach the pattern; a bare ampersand stands for itself, entities are decoded."""
    assert parse(r"<a>\<b> & &amp; &lt; &nbsp;</a>", "f")[0].text == r"\<b> & & < &nbsp;"


@pytest.mark.parametrize(
    "text",
    ["<!-- <b> -- </b> --><a/>", "<! <b> !><a/>", '<?xml version="1.0"?><a/>', "\ufeff<a/>", "<a><!-- x\n --></a>"],
)
def test_comments_of_both_kinds_are_passed_over(text: str) -> None:
    roots = parse(text, "f")
    assert [root.name for root in roots] == ["a"]
    assert roots[0].children == []


def test_lines_are_right_after_a_comment_of_several() -> None:
    assert str(parse("<!-- 1\n2\n3 -->\n<a/>", "f")[0].place) == "f:4"


def test_repeated_elements_are_joined_with_nothing_between() -> None:
    root = parse("<r><match>a|</match><x/><match>b</match></r>", "f")[0]
    assert root.joined("match") == "a|b"
    assert [child.text for child in root.named("match")] == ["a|", "b"]
    assert root.first("none") is None


def test_text_outside_of_elements_is_kept_apart() -> None:
    """OSSEC's own decoder.xml has some; the caller says what it is worth."""
    roots = parse("<a/>\nstray\n<b/>", "f")
    assert [(root.name, root.text) for root in roots] == [("a", ""), (STRAY_TEXT, "stray"), ("b", "")]
    assert roots[1].place.line == 2


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$X", "1"),
        ("$x.$X|$X,$X $X$X", "1.1|1,1 11"),
        ("$$X$", "$1$"),
        ("$X: ($X) $X; $X[ $X\\ $X/ $X=", "$X: ($X) $X; $X[ $X\\ $X/ $X="),
        ("$X\n", "$X\n"),
        ("a$|$X", "a$|1"),
    ],
)
def test_a_variables_name_ends_only_where_ossec_ends_it(text: str, expanded: str) -> None:
    """What looks like a variable in a pattern, such as `$X)`, is one only where OSSEC takes it for one."""
    assert expand_variables(parse(f'<var name="X">1</var><r>{text}</r>', "f"))[0].text == expanded


def test_variables_end_where_a_name_ends() -> None:
    roots = parse('<var name="X">1</var><var name="XY">2</var><r a="$X">$X.$XY,$Xz $Q</r>', "f")
    expanded = expand_variables(roots)
    assert [root.name for root in expanded] == ["r"]
    assert expanded[0].text == "1.2,$Xz $Q"
    assert expanded[0].attributes == {"a": "1"}


def test_broken_xml_names_what_was_left_open_and_where() -> None:
    message = refused("<a>\n<b>\n</a>")
    assert message.startswith("f.xml:3: ")
    assert "</b> to close <b> of line 2" in message


@pytest.mark.parametrize("text", ["<a><b>x < y</b></a>", "<a>\n<b c></b></a>", "<a", "<a b=c/>", "x <> y"])
def test_a_sign_that_starts_no_element_is_told_with_what_may_stand_for_it(text: str) -> None:
    told = "broken XML: a `<` that starts no element, or a tag that is not complete: expected `\\<` for the sign itself"
    line = 1 + text.count("\n")
    assert refused(text) == f'f.xml:{line}: {told}, or a tag such as <name> or <name attribute="value">'


def test_an_element_that_is_closed_without_being_open_is_refused() -> None:
    expected = "expected elements such as <name>text</name>, each closed once"
    assert refused("<a/></b>") == f"f.xml:1: broken XML (mismatched tag): {expected}"


def test_an_element_never_closed_is_refused() -> None:
    assert "f.xml:" in refused("<a><b></b>")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<a/>\n<!ENTITY x SYSTEM "file:///etc/passwd">',
    ],
)
def test_definitions_of_entities_are_refused_with_their_line(text: str) -> None:
    """An entity can grow to gigabytes or read files; OSSEC's files have none."""
    message = refused(text)
    assert "definition" in message
    assert message.startswith(f"f.xml:{text.count(chr(10)) + 1}: ")


def test_elements_nested_without_end_are_refused() -> None:
    depth = DEPTH_MAX + 2
    assert f"deeper than {DEPTH_MAX}" in refused("<a>" * depth + "</a>" * depth)


@given(st.text(alphabet="<>/!-&;ab \\\x00\x0b\n\"'=\ufeff\uffff", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever stands in a file, the answer is elements or a mistake with a place."""
    try:
        parse(text, "f")
    except ConfigError as error:
        places = {mistake.place.file for mistake in error.mistakes}
        if places != {"f"}:
            raise
