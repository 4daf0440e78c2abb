"""Small random rulesets and lines of a tiny alphabet, in which whatever can meet does meet."""

from __future__ import annotations

from random import Random
from typing import List

ATOMS = ("a", "b", "c", " ", " ", "1", "a b", r"\w", r"\d", r"\s", r"\S", r"\.", r"\p", r"\D", r"\W", "-", ".", "+")
RUNS = (r"\w+", r"\d+", r"\S+", r"\S*", r"\.+", r"\.*", r"\w*", r"\D+", r"\s+", r"\s*")
WORDS = ("a", "b", "c", "ab", "B", "1", "2", "12", "192.0.2.1", "192.0.2.2", "/a", "a-b", "(b)", "a+", "c.")
PERL = ("a", "b", " ", r"\d+", r"\S+", r"\w", "[ab]+", "a?", "(?:b|c)", ".", "1", r"\b", "(?=a)", "b{1,2}")
FIELDS = ("srcip", "user", "srcuser", "id", "url", "status", "action", "extra_data", "srcport", "dstport", "my.own")
MATCHED = ("id", "url", "user", "status", "extra_data", "srcport", "dstport", "program_name", "hostname")
GROUPS = ("red,", "blue,", "red,blue,", "green")
PROGRAMS = ("p", "q", "pq")


def regex(random: Random, groups: int = 0) -> str:
    """Write an OS_Regex with so many groups."""
    pieces = [random.choice(ATOMS + RUNS) for _ in range(random.randint(1, 3))]
    for _ in range(groups):
        inside = random.choice(RUNS) if random.random() < 0.8 else random.choice(("a|b", r"\w+|\d", r"a\S*", r"\w+a"))
        pieces.insert(random.randint(0, len(pieces)), f"({inside})")
    if random.random() < 0.25:
        pieces.insert(random.randint(1, len(pieces)), "|")
    if random.random() < 0.3:
        pieces.insert(0, "^")
    if random.random() < 0.15:
        pieces.append("$")
    return "".join(pieces)


def match(random: Random) -> str:
    """Write an OS_Match."""
    words = [
        random.choice(("a", "b", "ab", "1", " a", "b c", "c", "2", ".", "(b", "A", "192.0.2.1", "\\ ", "p", "^", ""))
    ]
    while random.random() < 0.35:
        words.append(random.choice(("a", "c", "1 ", "b ", "q", "192", "+")))
    begin, end = random.random() < 0.25, random.random() < 0.2
    return ("^" if begin else "") + "|".join(words) + ("$" if end else "")


def perl(random: Random, groups: int = 0) -> str:
    pieces = [random.choice(PERL) for _ in range(random.randint(1, 3))]
    for _ in range(groups):
        pieces.insert(random.randint(0, len(pieces)), f"({random.choice(PERL)})")
    if random.random() < 0.3:
        pieces.insert(random.randint(1, len(pieces)), "|")
    return ("^" if random.random() < 0.3 else "") + "".join(pieces)


def regex_elements(random: Random, offsets: List[str]) -> str:
    groups = random.randint(1, 2)
    offset = random.choice(["", "", *[f' offset="{name}"' for name in offsets]])
    order = ",".join(random.choice(FIELDS) for _ in range(groups))
    if random.random() < 0.2:
        return f"<pcre2{offset}>{perl(random, groups)}</pcre2><order>{order}</order>"
    return f"<regex{offset}>{regex(random, groups)}</regex><order>{order}</order>"


def decoder(name: str, inside: str) -> str:
    return f'<decoder name="{name}">{inside}</decoder>\n'


def some(random: Random, chance: float, text: str) -> str:
    return text if random.random() < chance else ""


def decoders(random: Random) -> str:
    """Write some top decoders, each with children or a regex of its own."""
    text = ""
    for top in range(random.randint(1, 4)):
        name = f"d{top}"
        program = random.random() < 0.6
        inside = f"<program_name>^{random.choice(PROGRAMS)}</program_name>" if program else ""
        prematch = not program or random.random() < 0.3
        inside += f"<prematch>{regex(random)}</prematch>" if prematch else ""
        inside += some(random, 0.2, "<type>web-log</type>")
        children = random.choice((0, 0, 1, 2, 3))
        if children == 0 and random.random() < 0.8:
            inside += some(random, 0.4, "<fts>name, user, srcip</fts>")
            inside += regex_elements(random, ["after_prematch", "after_parent"] if prematch else [])
        text += decoder(name, inside)
        for child in range(children):
            text += family(random, name, f"{name}c{child}")
    return text


def family(random: Random, parent: str, name: str) -> str:
    """Write a child, or several of one name that work together."""
    begin = f"<parent>{parent}</parent>"
    inside = begin + some(random, 0.4, "<use_own_name>true</use_own_name>") + some(random, 0.1, "<type>web-log</type>")
    offsets = ["after_parent"]
    if random.random() < 0.7:
        offset = random.choice(("", ' offset="after_parent"'))
        if random.random() < 0.2:
            inside += f"<prematch_pcre2{offset}>{perl(random)}</prematch_pcre2>"
        else:
            inside += f"<prematch{offset}>{regex(random)}</prematch>"
        offsets.append("after_prematch")
    if random.random() < 0.35:
        first = f"<regex>{regex(random, 1)}</regex><order>{random.choice(FIELDS)}</order>"
        text = decoder(name, inside + some(random, 0.2, "<fts>name, id</fts>") + first)
        for _ in range(random.randint(1, 2)):
            offset = random.choice(("", ' offset="after_regex"', ' offset="after_regex"', ' offset="after_parent"'))
            more = f"<regex{offset}>{regex(random, 1)}</regex><order>{random.choice(FIELDS)}</order>"
            text += decoder(name, begin + more)
        return text
    return decoder(name, inside + some(random, 0.2, "<fts>name, id</fts>") + regex_elements(random, offsets))


def conditions(random: Random) -> str:
    """Write conditions of different names: what repeated ones mean differs from name to name."""
    names = ("match", "match", "match", "regex", "pcre2", "decoded_as", "field", "action", "srcip", *MATCHED)
    chosen = dict.fromkeys(random.choices(names, k=random.choice((0, 1, 1, 2))))
    return "".join(condition(random, name) for name in chosen)


def condition(random: Random, name: str) -> str:
    if name in MATCHED and random.random() < 0.25:
        return f"<{name}_pcre2>{perl(random)}</{name}_pcre2>"
    if name == "regex":
        return f"<regex>{regex(random)}</regex>"
    if name == "pcre2":
        return f"<pcre2>{perl(random)}</pcre2>"
    if name == "field":
        return f'<field name="{random.choice(("my.own", "id", "url"))}">{regex(random)}</field>'
    simple = {
        "decoded_as": ("d0", "d1", "d0c0", "d1c1"),
        "action": ("a", "b", "ab"),
        "srcip": ("192.0.2.1", "192.0.2.0/30", "!192.0.2.1", "192.0.2.2"),
        "program_name": ("^p", "q$", "p|q"),
        "hostname": ("^h", "x"),
    }
    return f"<{name}>{random.choice(simple[name]) if name in simple else match(random)}</{name}>"


def count(random: Random, ids: List[int]) -> str:
    """Write what makes a rule a composite one."""
    kind = random.choice(("sid", "sid", "group", "regex", "any"))
    if kind == "sid":
        inside = f"<if_matched_sid>{random.choice(ids)}</if_matched_sid>"
    elif kind == "group":
        inside = f"<if_matched_group>{random.choice(('red', 'blue'))}</if_matched_group>"
    elif kind == "regex":
        inside = f"<if_matched_regex>{regex(random)}</if_matched_regex>"
    else:
        inside = f"<{random.choice(('same_source_ip', 'same_user', 'same_id'))} />"
    for name in ("same_source_ip", "same_user", "same_id", "same_location", "same_src_port", "same_dst_port"):
        inside += some(random, 0.3 if name == "same_source_ip" else 0.08, f"<{name} />")
    inside += some(random, 0.05, "<not_same_source_ip />")
    return inside + some(random, 0.12, "<different_url />") + some(random, 0.06, "<different_srcip />")


def place(random: Random, ids: List[int]) -> str:
    kind = random.random()
    if kind < 0.5:
        parents = random.sample(ids, min(len(ids), random.choice((1, 1, 2, 3))))
        return f"<if_sid>{random.choice((', ', ' ', ',')).join(map(str, parents))}</if_sid>"
    if kind < 0.57:
        return "<if_group>red</if_group>"
    if kind < 0.62:
        return f"<if_level>{random.choice((1, 5, 7))}</if_level>"
    return some(random, 0.1, "<category>web-log</category>")


def rule(random: Random, number: int, ids: List[int]) -> str:
    composite = ids and random.random() < 0.4
    level = random.choice((1, 5, 7, 10) if composite else (0, 1, 3, 5, 5, 7, 10))
    inside, attributes = conditions(random), some(random, 0.1, ' noalert="1"')
    if level:
        attributes += some(random, 0.1, ' accuracy="0"')
    attributes += some(random, 0.06, ' maxsize="12"')
    if composite:
        counting = count(random, ids)
        inside += counting + some(random, 0.3, place(random, ids))
        if "if_matched" in counting:
            attributes += some(random, 0.8, f' frequency="{random.randint(0, 3)}"')
        attributes += some(random, 0.8, f' timeframe="{random.randint(2, 25)}"')
    elif ids:
        inside += place(random, ids)
    return written(random, number, level, attributes, inside + some(random, 0.08, "<if_fts />"))


def overwriting(random: Random, number: int) -> str:
    attributes = ' overwrite="yes"' + some(random, 0.1, ' noalert="1"')
    inside = f"<match>{match(random)}</match>" if random.random() < 0.6 else ""
    return written(random, number, random.choice((0, 1, 3, 5, 7, 10)), attributes, inside)


def written(random: Random, number: int, level: int, attributes: str, inside: str) -> str:
    attributes += some(random, 0.12, f' ignore="{random.randint(1, 12)}"')
    inside += f"<group>{random.choice(GROUPS)}</group>" if random.random() < 0.6 else ""
    description = f"<description>Rule {number}.</description>"
    return f'<rule id="{number}" level="{level}"{attributes}>{inside}{description}</rule>\n'


def rules(random: Random) -> str:
    """Write two roots and a tree below them."""
    text = '<group name="roots,red,">\n'
    for number, category in ((1, "syslog"), (2, "web-log")):
        text += f'<rule id="{number}" noalert="1" level="0"><category>{category}</category>'
        text += "<description>All.</description></rule>\n"
    text += '</group>\n<group name="local,">\n'
    ids: List[int] = []
    plain: List[int] = []
    for number in range(100, 100 + random.randint(2, 14)):
        if plain and random.random() < 0.1:
            text += overwriting(random, random.choice(plain))
        latest = rule(random, number, ids)
        if not any(word in latest for word in ("pcre2", "field", "matched", "same_")):
            plain.append(number)  # what overwriting does to the others is odd in OSSEC, and not followed
        text += latest
        ids.append(number)
    return text + "</group>\n"


def line(random: Random) -> str:
    """Write a line, mostly with a header whose stamp cannot be read, so that receipt is its time."""
    message = " ".join(random.choice(WORDS) for _ in range(random.randint(0, 6)))
    if random.random() < 0.3:
        return message
    return (
        f"Xxx 99 99:99:99 {random.choice(('h', 'hx'))} {random.choice(PROGRAMS)}{random.choice(('[7]', ''))}: {message}"
    )


def lines(random: Random, count_of_lines: int) -> List[str]:
    """Write lines of which many come again, as an attacker's do."""
    known = [line(random) for _ in range(random.randint(2, 12))]
    return [random.choice(known) if random.random() < 0.7 else line(random) for _ in range(count_of_lines)]
