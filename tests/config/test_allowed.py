"""The allowlist of the configuration: what is understood, and what OSSEC would take for a host name."""

from __future__ import annotations

import ipaddress

import pytest


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.168.1.0/24", "192.168.1.0/24"),
        ("192.168.1.77/24", "192.168.1.0/24"),
        ("192.168.1.0/255.255.255.0", "192.168.1.0/24"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_addresses_and_networks_are_folded_to_one_spelling(trial, text, network):
    trial.conf(f"<global><white_list> {text} </white_list></global>")
    (allowed,) = trial.load().config.allowed
    assert allowed.network == ipaddress.ip_network(network)
    assert allowed.text == text


@pytest.mark.parametrize(
    ("text", "name"),
    [("ns.example.com", "ns.example.com"), ("^localhost.localdomain$", "localhost.localdomain"), ("host_1", "host_1")],
)
def test_a_host_name_is_kept_without_a_network_to_be_looked_up_elsewhere(trial, text, name):
    trial.conf(f"<global><allow_list>{text}</allow_list></global>")
    loaded = trial.load()
    assert [(a.text, a.network) for a in loaded.config.allowed] == [(name, None)]
    assert not loaded.mistakes


@pytest.mark.parametrize(
    "text", ["192.0.2.2500", "192.0.2.0/33", "192.0.2", "2001:db8::/129", "a b", "-x", "x..y", "1"]
)
def test_a_broken_entry_is_a_mistake_and_no_host_name(trial, text):
    trial.conf(f"<global>\n<white_list>{text}</white_list></global>")
    assert trial.mistakes() == [
        (
            f"etc/ossec.conf:3: <white_list> is {text!r}: "
            "expected an address, a network such as 192.0.2.0/24, or a host name"
        )
    ]


def test_any_is_refused_since_it_would_allow_every_address(trial):
    trial.conf("<global><white_list>any</white_list></global>")
    assert trial.mistakes() == [
        "etc/ossec.conf:2: <white_list> is 'any': expected 0.0.0.0/0 and ::/0 if no address at all shall be blocked"
    ]


def test_an_empty_entry_loads_and_allows_nothing(trial):
    trial.conf("<global><white_list></white_list></global>")
    assert trial.load().config.allowed == ()
    assert trial.warnings() == ["etc/ossec.conf:2: <white_list> is empty and allows nothing"]
