"""Rulings: who is acted on, for how long, and who never is."""

import ipaddress

import pytest

from ar.errors import Place
from ar.model import Alert, Command, Levels, Moment, Response, Subject, parse_address
from ar.policy.allowlist import Allowlist
from ar.policy.bind import Bindings
from ar.policy.ledger import Ledger
from ar.policy.policy import Outcome, Policy, Terms, for_how_long
from ar.policy.records import Arguments, Ended, Prolonged, Promised, Ran

HERE = Place("etc/ossec.conf", 1)
DROP = Command("firewall-drop", "firewall-drop.sh", frozenset({"srcip"}), timeout_allowed=True, place=HERE)
MAIL = Command("email-alert", "email-notification.sh", frozenset({"srcip"}), timeout_allowed=False, place=HERE)
RESTART = Command("restart-ossec", "restart-ossec.sh", frozenset(), timeout_allowed=True, place=HERE)
DISABLE = Command("disable-account", "disable-account.sh", frozenset({"user"}), timeout_allowed=True, place=HERE)


def response(command=DROP, timeout_s=600, steps_s=(), **binding):
    binding = {"levels": Levels(least=7), "groups": (), "rules": frozenset(), **binding}
    return Response(command=command, timeout_s=timeout_s, steps_s=steps_s, place=HERE, **binding)


def alert(srcip="203.0.113.7", **changes):
    facts = {
        "id": "1000000.1",
        "time_s": 1e6,
        "rule": 5712,
        "level": 10,
        "groups": ("syslog", "sshd", "authentication_failures"),
        "description": "",
        "location": "/var/log/auth.log",
        "srcip": parse_address(srcip) if srcip else None,
        **changes,
    }
    return Alert(**facts)


def policy(*responses, allow=(), own=(), **terms):
    allowlist = Allowlist([(ipaddress.ip_network(text), text) for text in allow], map(parse_address, own))
    terms = Terms(**{"settle_s": 10, "forget_after_s": 7 * 86400, "ipv6_prefix": 128, "blocks_max": 100, **terms})
    return Policy(Bindings(responses), allowlist, Ledger("boot-a"), terms)


def at(seconds):
    return Moment(1e6 + seconds, 100.0 + seconds)


def rule(a_policy, an_alert, seconds):
    """Rule on an alert, and let what is ruled come true at once."""
    rulings = []
    for ruling in a_policy.rule_on(an_alert, at(seconds)):
        a_policy.commit(ruling, at(seconds))
        rulings.append(ruling)
    work(a_policy, seconds)
    return rulings


def work(a_policy, seconds):
    for action in a_policy.ledger.take_due(at(seconds)):
        record = a_policy.ledger.finish(action, worked=True, last_words="", now=at(seconds))
        a_policy.ledger.apply(record)


def outcomes(rulings):
    return [ruling.outcome for ruling in rulings]


# ── binding ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("binding", "bound"),
    [
        ({"levels": Levels(least=10)}, True),
        ({"levels": Levels(least=11)}, False),
        ({"levels": Levels(exactly=frozenset({8, 9, 10}))}, True),
        ({"levels": Levels(exactly=frozenset({8, 9, 11}))}, False),
        ({"levels": Levels(), "groups": ("authentication_failed", "authentication_failures")}, True),
        ({"levels": Levels(), "groups": ("AUTHENTICATION_FAIL",)}, True),
        ({"levels": Levels(), "groups": ("web",)}, False),
        ({"levels": Levels(), "rules": frozenset({5712, 5720})}, True),
        ({"levels": Levels(), "rules": frozenset({5720})}, False),
        ({"levels": Levels(least=15), "rules": frozenset({5712})}, True),
        ({"levels": Levels()}, False),
    ],
)
def test_a_response_is_bound_when_level_or_group_or_id_fits(binding, bound):
    assert bool(Bindings([response(**binding)]).of(alert())) is bound


def test_a_rule_of_level_0_or_with_no_ar_triggers_nothing():
    bindings = Bindings([response(levels=Levels(least=0), rules=frozenset({5711}))])
    assert bindings.of_rule(5711, 0, ("syslog",)) == ()
    assert bindings.of(alert(active_response=False)) == ()


# ── subjects and arguments ─────────────────────────────────────────────────────────────────────────────────


def test_a_block_promises_the_arguments_of_ossec():
    (ruling,) = rule(policy(response()), alert(user="root"), 0)
    assert ruling.record == Promised(
        1, "firewall-drop", "firewall-drop.sh", "argv", Subject("srcip", "203.0.113.7"),
        Arguments("-", "203.0.113.7", "1000000.1", 5712, "/var/log/auth.log", "-"), 1, 1e6, 600, 700.0,
    )  # fmt: skip
    assert ruling.arguments.argv("/bin/x.sh", "add") == [
        "/bin/x.sh", "add", "-", "203.0.113.7", "1000000.1", "5712", "/var/log/auth.log", "-",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("location", "handed"),
    [
        ("/var/log/auth.log", "/var/log/auth.log"),
        ("(web) 192.0.2.1->/var/log/auth.log", "-"),
        ("journald", "journald"),
        ("/var/log/$(reboot).log", "-"),
        ("/var/log/a\nb", "-"),
        ("-rf", "-"),
        ("", "-"),
    ],
)
def test_a_script_is_handed_no_unusual_name_of_a_source(location, handed):
    (ruling,) = rule(policy(response()), alert(location=location), 0)
    assert ruling.arguments.location == handed


def test_without_the_expected_subject_nothing_is_done():
    (ruling,) = rule(policy(response()), alert(srcip=None, fields={"srcip": "evil.example.com"}), 0)
    assert (ruling.outcome, ruling.record) == (Outcome.NO_SUBJECT, None)
    assert "evil.example.com" in ruling.why
    (ruling,) = rule(policy(response(DISABLE)), alert(), 0)
    assert (ruling.outcome, ruling.why) == (Outcome.NO_SUBJECT, "the event has no user")


def test_a_command_on_users_acts_on_the_user():
    (ruling,) = rule(policy(response(DISABLE)), alert(user="alice"), 0)
    assert ruling.subject == Subject("user", "alice")
    assert ruling.arguments.user == "alice"
    assert ruling.arguments.srcip == "-"


def test_v4_mapped_addresses_are_one_offender_with_the_plain_ones():
    a_policy = policy(response())
    rule(a_policy, alert("::ffff:203.0.113.7"), 0)
    assert outcomes(rule(a_policy, alert("203.0.113.7"), 1)) == [Outcome.SETTLING]


def test_ipv6_offenders_are_blocked_by_their_prefix_where_that_is_asked_for():
    a_policy = policy(response(), ipv6_prefix=64)
    (ruling,) = rule(a_policy, alert("2001:db8:1:2::7"), 0)
    assert ruling.subject.value == "2001:db8:1:2::/64"
    assert outcomes(rule(a_policy, alert("2001:db8:1:2::8"), 1)) == [Outcome.SETTLING]


def test_a_prefix_that_holds_an_allowed_address_is_not_blocked_as_a_whole():
    a_policy = policy(response(), ipv6_prefix=64, own=["2001:db8:1:2::1"])
    (ruling,) = rule(a_policy, alert("2001:db8:1:2::7"), 0)
    assert ruling.subject.value == "2001:db8:1:2::7"


# ── the allowlist ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.168.1.44", "allowlisted (192.168.1.0/24)"),
        ("::ffff:192.168.1.44", "allowlisted (192.168.1.0/24)"),
        ("2001:db8:5::1", "allowlisted (2001:db8:5::/48)"),
        ("198.51.100.1", "this host's own address"),
        ("127.0.0.2", "a loopback address"),
        ("::1", "a loopback address"),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
    ],
)
def test_an_allowed_address_is_never_acted_on_nor_counted(address, why):
    a_policy = policy(response(), allow=["192.168.1.0/24", "2001:db8:5::/48"], own=["198.51.100.1"])
    (ruling,) = rule(a_policy, alert(address), 0)
    assert (ruling.outcome, ruling.why, ruling.record) == (Outcome.ALLOWED, why, None)
    assert a_policy.ledger.offenders == {}
    assert a_policy.block_by_hand(DROP, parse_address(address), 60, "1.0", at(0)) == f"it is {why}"


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "192.0.2.1"])
def test_a_script_that_expects_no_address_is_not_told_one_that_is_never_acted_on(address):
    guarded = policy(allow=["10.0.0.0/8"], own=["192.0.2.1"])
    assert guarded.tellable(DISABLE, alert(address, user="bob")) == alert(None, user="bob")
    assert guarded.tellable(DISABLE, alert(user="bob")) == alert(user="bob")
    assert guarded.tellable(DISABLE, alert(None)) == alert(None)


def test_a_stale_line_starts_no_response():
    (ruling,) = rule(policy(response()), alert(stale=True), 0)
    assert (ruling.outcome, ruling.record) == (Outcome.STALE, None)


# ── repeated offenders ─────────────────────────────────────────────────────────────────────────────────────


def test_sentences_follow_the_steps_and_the_last_one_repeats():
    a_policy = policy(response(steps_s=(1800, 3600, 7200)))
    sentences, now = [], 0.0
    for _ in range(5):
        (ruling,) = rule(a_policy, alert(), now)
        sentences.append(ruling.record.sentence_s)
        now += ruling.record.sentence_s
        work(a_policy, now)
    assert sentences == [600, 1800, 3600, 7200, 7200]


def test_a_trigger_while_blocked_prolongs_once_the_lines_in_flight_have_settled():
    a_policy = policy(response(steps_s=(1800, 3600)))
    rule(a_policy, alert(), 0)
    assert outcomes(rule(a_policy, alert(), 9.9)) == [Outcome.SETTLING]
    (ruling,) = rule(a_policy, alert(), 10)
    assert ruling.record == Prolonged(1, 2, at(10).wall_s, 1800, at(1810).boot_s)
    assert outcomes(rule(a_policy, alert(), 19)) == [Outcome.SETTLING], "the settle time counts from the last offence"


def test_a_block_is_never_shortened_by_a_further_offence():
    a_policy = policy(response(timeout_s=7200, steps_s=(60,)))
    rule(a_policy, alert(), 0)
    (ruling,) = rule(a_policy, alert(), 100)
    assert ruling.record == Prolonged(1, 2, at(0).wall_s, 7200, at(7200).boot_s)


def test_a_block_for_good_stays_for_good_and_still_counts():
    a_policy = policy(response(timeout_s=0, steps_s=(60,)))
    rule(a_policy, alert(), 0)
    (ruling,) = rule(a_policy, alert(), 100)
    assert ruling.record == Prolonged(1, 2, at(0).wall_s, 0, None)


@pytest.mark.parametrize(
    ("timeouts", "acts"),
    [((600, 60), 600), ((60, 600), 600), ((600, 0), 0), ((600, 600), 600)],
    ids=["the first is longer", "the second is longer", "for good is longest", "alike"],
)
def test_two_responses_of_one_command_make_one_block_the_longer_one(timeouts, acts):
    a_policy = policy(*(response(timeout_s=timeout_s) for timeout_s in timeouts))
    rulings = rule(a_policy, alert(), 0)
    assert [ruling.record.sentence_s for ruling in rulings if ruling.record] == [acts]
    assert len(a_policy.ledger.blocks) == 1


def test_one_alert_is_one_offence_even_without_a_settle_time():
    a_policy = policy(response(timeout_s=60), response(timeout_s=30, steps_s=(120, 240)), settle_s=0)
    assert outcomes(rule(a_policy, alert(), 0)) == [Outcome.BLOCK, Outcome.OUTDONE]
    assert outcomes(rule(a_policy, alert(), 1)) == [Outcome.OUTDONE, Outcome.PROLONG]


def test_which_of_two_responses_is_longer_is_asked_at_each_offence():
    a_policy = policy(response(timeout_s=3600), response(timeout_s=600, steps_s=(86400,)))
    sentences = []
    for seconds in (0, 3600):
        work(a_policy, seconds)
        sentences += [ruling.record.sentence_s for ruling in rule(a_policy, alert(), seconds) if ruling.record]
    assert sentences == [3600, 86400]


def test_each_command_counts_its_own_offences():
    other = Command("host-deny", "firewall-drop.sh", frozenset({"srcip"}), timeout_allowed=True, place=HERE)
    assert outcomes(rule(policy(response(), response(other)), alert(), 0)) == [Outcome.BLOCK, Outcome.BLOCK]


def test_a_block_too_many_makes_room_until_too_many_wait_for_their_release(monkeypatch):
    monkeypatch.setattr("ar.policy.policy.GIVING_WAY_MAX", 2)
    a_policy = policy(response(), blocks_max=1)
    ruled = [rule(a_policy, alert(f"203.0.113.{n}"), 0) for n in range(7, 11)]
    assert [ruling.makes_room for (ruling,) in ruled[:3]] == [False, True, True]
    assert outcomes(ruled[3]) == [Outcome.FULL]


def test_a_block_by_hand_makes_room_too(monkeypatch):
    monkeypatch.setattr("ar.policy.policy.GIVING_WAY_MAX", 1)
    a_policy = policy(response(), blocks_max=1)
    for address, makes_room in (("203.0.113.8", False), ("203.0.113.9", True)):
        record = a_policy.block_by_hand(DROP, parse_address(address), 60, "1.0", at(0))
        assert a_policy.makes_room(record) == makes_room
        a_policy.ledger.apply(record)
    longer = a_policy.block_by_hand(DROP, parse_address("203.0.113.9"), 90, "1.0", at(0))
    assert not a_policy.makes_room(longer)
    full = a_policy.block_by_hand(DROP, parse_address("203.0.113.10"), 60, "1.0", at(0))
    assert full == "1 blocks are in force, and too many are being released to make room"


def test_an_offender_whose_block_is_being_released_needs_no_more_room_than_it_has():
    a_policy = policy(response(), blocks_max=1)
    rule(a_policy, alert(), 0)
    (block,) = a_policy.ledger.blocks.values()
    a_policy.ledger.apply(Ended(block.id, 1e6))
    (ruling,) = a_policy.rule_on(alert(), at(60))
    assert (ruling.outcome, ruling.makes_room) == (Outcome.BLOCK, False)


# ── commands that are never undone ─────────────────────────────────────────────────────────────────────────


def test_a_command_without_timeout_runs_once_for_each_offence_and_is_no_block():
    a_policy = policy(response(MAIL, timeout_s=0))
    (ruling,) = rule(a_policy, alert(), 0)
    assert ruling.record == Ran(1, "email-alert", Subject("srcip", "203.0.113.7"), 1e6)
    assert outcomes(rule(a_policy, alert(), 5)) == [Outcome.SETTLING]
    assert outcomes(rule(a_policy, alert(), 10)) == [Outcome.RUN]
    assert a_policy.ledger.blocks == {}


def test_a_command_that_acts_on_nothing_runs_each_time():
    a_policy = policy(response(RESTART, timeout_s=0))
    assert outcomes(rule(a_policy, alert(), 0)) == [Outcome.RUN]
    assert outcomes(rule(a_policy, alert(), 0.5)) == [Outcome.RUN]
    assert outcomes(rule(a_policy, alert(), 3600)) == [Outcome.RUN]


def test_an_address_that_became_this_hosts_own_a_moment_ago_is_not_acted_on():
    a_policy = policy(response())
    now_own = parse_address("203.0.113.7")
    a_policy.allowlist = Allowlist([], [], lambda address: address == now_own)
    assert outcomes(rule(a_policy, alert("203.0.113.7"), 0)) == [Outcome.ALLOWED]
    assert outcomes(rule(a_policy, alert("203.0.113.8"), 0)) == [Outcome.BLOCK]


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (Subject("srcip", "192.0.2.7"), "allowlisted (192.0.2.0/24)"),
        (Subject("srcip", "2001:db8::/64"), "allowlisted (2001:db8::7)"),
        (Subject("srcip", "2001:db8:1::/64"), "holds this host's own address 2001:db8:1::1"),
        (Subject("srcip", "2001:db8:2::/64"), None),
        (Subject("srcip", "203.0.113.7"), None),
        (Subject("user", "192.0.2.7"), None),
        (Subject("filename", "/tmp/x"), None),
    ],
)
def test_a_subject_that_holds_an_allowed_address_is_known(subject, reason):
    networks = [(ipaddress.ip_network(text), text) for text in ("192.0.2.0/24", "2001:db8::7")]
    named = [(network, text.replace("/128", "")) for network, text in networks]
    allowlist = Allowlist(named, [parse_address("2001:db8:1::1")])
    assert allowlist.reason_for_subject(subject) == reason


# ── by hand ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_block_by_hand_is_no_offence_and_never_shortens_one():
    a_policy = policy(response())
    record = a_policy.block_by_hand(DROP, parse_address("203.0.113.9"), 60, "1.0", at(0))
    assert (record.offence, record.sentence_s, record.arguments.rule) == (0, 60, 0)
    by_hand = policy(response())
    by_hand.ledger.apply(record)
    assert by_hand.ledger.offenders == {}
    rule(a_policy, alert(), 0)
    (block,) = a_policy.ledger.blocks.values()
    sentence_s = block.sentence_s
    assert a_policy.block_by_hand(DROP, parse_address("203.0.113.7"), sentence_s - 20, "1.0", at(10)) is block
    longer = a_policy.block_by_hand(DROP, parse_address("203.0.113.7"), sentence_s, "1.0", at(10))
    assert longer == Prolonged(1, 1, at(10).wall_s, sentence_s, at(10 + sentence_s).boot_s)
    for_good = a_policy.block_by_hand(DROP, parse_address("203.0.113.7"), 0, "1.0", at(10))
    assert for_good == Prolonged(1, 1, at(10).wall_s, 0, None)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "for good"), (45, "for 45 s"), (1800, "for 30 min"), (5400, "for 1 h 30 min")]
)
def test_a_sentence_is_told_in_words(seconds, words):
    assert for_how_long(seconds) == words


def test_of_many_subjects_those_are_refused_that_each_alone_would_be():
    networks = [(ipaddress.ip_network("192.0.2.0/25"), "192.0.2.0/25"), (ipaddress.ip_network("2001:db8::/48"), "x")]
    allowlist = Allowlist(networks, [ipaddress.ip_address("203.0.113.9"), ipaddress.ip_address("2001:db8:9::1")])
    texts = ["192.0.2.0", "192.0.2.127", "192.0.2.128", "203.0.113.8", "203.0.113.9", "203.0.113.10", "0.0.0.1",
             "127.0.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "1.0.0.0",
             "2001:db8::5", "2001:db8:9::/64", "2001:db8:8::1", "::1"]  # fmt: skip
    subjects = [Subject("srcip", text) for text in texts] + [Subject("user", "127.0.0.1")]
    alone = {subject: allowlist.reason_for_subject(subject) for subject in subjects}
    assert dict(allowlist.refused(subjects)) == {subject: why for subject, why in alone.items() if why is not None}
