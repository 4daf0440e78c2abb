"""It always unblocks: an agent that is ended with kill -9 at random moments leaks no block and loses none.

`make soak` runs the long form: KILLS says how often the agent is ended, SEED which random moments those are.
"""

from __future__ import annotations

import os
import random

import netns
import pytest
from soak import Block, Seen, Term, judge, soak

KILLS = int(os.environ.get("KILLS", "15"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**31)  # noqa: S311 (no secret)
KEY = ("iptables-drop", "198.51.100.1")


@pytest.mark.e2e
def test_killed_again_and_again_under_attack_no_block_is_leaked_lost_early_or_miscounted(tmp_path):
    netns.require("nft", "iptables")
    with netns.hosts("soak") as (namespace,):
        report = soak(namespace, tmp_path, KILLS, SEED)
    print(f"\n{report}")
    assert report.faults == [], f"{report}\n" + "\n".join(report.faults)
    assert report.blocks > report.kills, str(report)


def block(from_s, ends_s, *, added=True, released=True):
    made = Block(KEY, Term(from_s, ends_s))
    made.added, made.released = added, released
    return made


def changes(*steps):
    return [Seen(abs(boot_s), KEY, boot_s > 0) for boot_s in steps]  # minus: it went out


@pytest.mark.parametrize(
    ("blocks", "steps", "leaked", "lost", "early"),
    [
        pytest.param([block(1, 3)], [1.1, -3.1], 0, 0, 0, id="as it should be"),
        pytest.param([block(1, 3), block(3.1, 5)], [1.1, -3.2, 3.3, -5.1], 0, 0, 0, id="offended while released"),
        pytest.param([block(1, 3, released=False), block(3.1, 5)], [1.1, -5.1], 0, 0, 0, id="continued by the next"),
        pytest.param([block(1, 3)], [1.1, -3.1, 3.2], 1, 0, 0, id="put back after its release"),
        pytest.param([block(1, 3)], [1.1], 1, 0, 0, id="never taken out"),
        pytest.param([block(1, 3), block(4, 6)], [1.1, 4.1, -6.1], 1, 0, 0, id="taken out by a later block only"),
        pytest.param([block(1, 3, released=False)], [1.1, -3.1], 1, 0, 0, id="a release that was not recorded"),
        pytest.param([], [1.1, -3.1], 1, 0, 0, id="never promised"),
        pytest.param([block(1, 3)], [], 0, 1, 0, id="recorded as in force, and never was"),
        pytest.param([block(1, 3, added=False)], [], 0, 1, 0, id="there was time, and it was not put in force"),
        pytest.param([block(19, 21, added=False)], [], 0, 0, 0, id="killed before it could be put in force"),
        pytest.param([block(1, 3)], [1.1, -2.5], 0, 0, 1, id="released before its end"),
    ],
)
def test_the_soak_would_notice(blocks, steps, leaked, lost, early):
    verdict = judge(dict(enumerate(blocks)), changes(*steps), [(0.0, 20.0)])
    assert (len(verdict.leaked), len(verdict.lost), len(verdict.early)) == (leaked, lost, early), verdict
