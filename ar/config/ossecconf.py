"""Reads ossec.conf and agent.conf, OSSEC's XML, into sections; what other OSSEC daemons read is set aside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import FrozenSet, Iterable, List, NamedTuple, Tuple

from ar.config.findings import Findings
from ar.config.sections import Entry, Section
from ar.errors import ConfigError, Place, nearest
from ar.osregex import PatternError, compile_match
from ar.ossecxml import STRAY_TEXT, Element, parse


class Schema(NamedTuple):
    """What a section may hold: what is served here, and what only other OSSEC daemons use."""

    served: FrozenSet[str]
    others: FrozenSet[str] = frozenset()


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


SCHEMAS = {
    "global": Schema(
        _words("white_list allow_list"),
        _words(
            "agents_disconnection_alert_time agents_disconnection_time alerts_log compress_alerts "
            "custom_alert_output decoder_order_size email_from email_idsname email_log_source email_maxperhour "
            "email_notification email_reply_to email_to geoip6_db_path geoip_db geoip_db_path helo_server "
            "host_information hostinfo integrity_checking jsonout_output keep_log_date logall logall_json "
            "max_output_size md5_allow_list md5_allowlist memory_size picviz_output picviz_socket "
            "prelude_log_level prelude_output prelude_profile queue_size rootkit_detection smtp_server stats "
            "syscheck_ignore update_check zeromq_client_cert zeromq_output zeromq_server_cert zeromq_uri"
        ),
    ),
    "command": Schema(_words("name executable expect timeout_allowed contract extra_args")),
    "active-response": Schema(
        _words("disabled command location agent_id level rules_group rules_id timeout repeated_offenders"),
        _words("ca_store ca_verification"),
    ),
    "localfile": Schema(
        _words("log_format location"),
        _words(
            "age alias check_diff command exclude filter frequency ignore ignore_binaries label multiline_regex "
            "only-future-events only_future_events out_format query reconnect_time restrict target"
        ),
    ),
    "rules": Schema(_words("include decoder rule_dir decoder_dir list")),
}
OTHERS = _words(
    "agentless alerts anti_tampering auth client client_buffer cluster database_output email_alerts fluent-forward "
    "gcp-bucket gcp-pubsub indexer integration labels logging ms-graph office365 github osquery remote reports "
    "rootcheck rule_test ruleset sca socket syscheck syscollector syslog_output task-manager tests "
    "vulnerability-detection vulnerability-detector wodle"
)
FILTERS = ("name", "os", "profile")

Unused = Tuple[str, Place]  # a section or element of another OSSEC daemon, and where it stands


@dataclass(frozen=True)
class Identity:
    """Who this host is to the filters of `<agent_config>`; `system` is what uname says."""

    name: str
    system: str
    profile: str = ""

    @classmethod
    def here(cls) -> Identity:
        """Return the identity of this host."""
        system = os.uname()
        return cls(system.nodename, " ".join(system))


def read_xml(
    text: str, file: str, root: str, identity: Identity, findings: Findings
) -> Tuple[List[Section], List[Unused]]:
    """Return the sections of all `<root>` elements that mean this host, and what is not used here.

    Mistakes go to `findings`; a file that is no XML gives one mistake and no section.
    """
    reading = _Reading(findings)
    try:
        roots = parse(text, file)
    except ConfigError as error:
        findings.mistakes.extend(error.mistakes)
        return [], []
    if roots and all(element.name == STRAY_TEXT for element in roots):
        what = f"plain text, no XML: {roots[0].text[:40]!r}"
        findings.mistake(roots[0].place, what, f"<{root}> … </{root}> around everything")
        return [], []
    for element in roots:
        if element.name == STRAY_TEXT:
            findings.warn(element.place, f"text outside <{root}> is not read: {element.text[:40]!r}")
        elif element.name != root:
            what = f"<{element.name}> stands outside <{root}>" if _is_section(element.name) else f"<{element.name}>"
            findings.mistake(element.place, what, f"<{root}> … </{root}> around everything")
        elif _means(element, identity, findings):
            for child in element.children:
                reading.read_section(child)
            _warn_of_text(element, findings)
    return reading.sections, reading.unused


def profile_of(text: str, file: str) -> str:
    """Return the `<client><config-profile>` of an ossec.conf, which agent.conf's filter `profile` asks for."""
    try:
        roots = parse(text, file)
    except ConfigError:
        return ""  # reported where the file is read for its sections
    profiles = [client.joined("config-profile") for root in roots for client in root.named("client")]
    return ",".join(filter(None, (profile.strip() for profile in profiles)))


class _Reading:
    """The sections of one file, as they are collected."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.sections: List[Section] = []
        self.unused: List[Unused] = []

    def read_section(self, element: Element) -> None:
        schema = SCHEMAS.get(element.name)
        if schema is None:
            if element.name in OTHERS:
                self.unused.append((element.name, element.place))
            else:
                expected = _nearest_element(element.name, SCHEMAS, OTHERS)
                self.findings.mistake(element.place, f"unknown section <{element.name}>", expected)
            return
        section = Section(element.name, element.place, f"<{element.name}>")
        for child in element.children:
            if child.name in schema.served:
                text = child.text.strip()
                section.entries.append(Entry(child.name, text, child.place, f"<{child.name}>", child.attributes))
                self._refuse_children(child)
            elif child.name in schema.others:
                self.unused.append((f"{element.name}/{child.name}", child.place))
            else:
                what = f"unknown element <{child.name}> in <{element.name}>"
                self.findings.mistake(child.place, what, _nearest_element(child.name, schema.served, schema.others))
        _warn_of_text(element, self.findings)
        self.sections.append(section)

    def _refuse_children(self, entry: Element) -> None:
        for child in entry.children:
            self.findings.mistake(child.place, f"<{child.name}> stands inside <{entry.name}>", "text only")


def _means(root: Element, identity: Identity, findings: Findings) -> bool:
    """Return whether an `<agent_config>` is for this host: every filter it has must fit, as OSSEC's OS_Match."""
    own = {"name": identity.name, "os": identity.system, "profile": identity.profile}
    fits = True
    for attribute, pattern in root.attributes.items():
        if root.name != "agent_config" or attribute not in FILTERS:
            expected = nearest(attribute, FILTERS) if root.name == "agent_config" else "no attribute"
            findings.mistake(root.place, f"unknown attribute {attribute!r} of <{root.name}>", expected)
            continue
        try:
            fits = fits and bool(own[attribute]) and bool(compile_match(pattern).search(own[attribute]))
        except PatternError as error:
            findings.mistake(root.place, f"{attribute} of <{root.name}> is {pattern!r}: {error}")
    return fits


def _warn_of_text(element: Element, findings: Findings) -> None:
    text = element.text.strip()
    if text:
        findings.warn(element.place, f"text between the elements of <{element.name}> is not read: {text[:40]!r}")


def _is_section(name: str) -> bool:
    return name in SCHEMAS or name in OTHERS


def _nearest_element(name: str, served: Iterable[str], others: Iterable[str]) -> str:
    """Return the known element that `name` was most likely meant to be, else those that are served here."""
    expected = nearest(name, {*served, *others})
    return f"<{expected[1:-1]}>" if expected.startswith("'") else nearest(name, served)
