"""Hosts of other systems, for tests: a PATH on which the programs of such a system are doubles that keep state."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import aix
import ipf
import ipfw
import npfctl
import pfctl
from shells import PATH, call

DOUBLES = Path(__file__).parent / "doubles"
# All that a script may use of this machine: no real firewall is among it, nor anything that Linux alone has.
TOOLS = "awk busybox bash cat chmod cp dash env grep ln mkdir mv readlink rm sh sleep".split()  # noqa: SIM905
State = Dict[str, Any]

PF_RULES = [["block", "in", "from", "ossec_fwtable"], ["block", "out", "to", "ossec_fwtable"]]

NPF_RULES = ["block in final from <ossec_fwtable>", "block out final to <ossec_fwtable>"]

AIX_RULES = {
    "4": [
        ["permit", "0.0.0.255", "255.255.255.255", "0.0.0.0", "0.0.0.0", "of the system"],
        ["deny", "198.51.100.0", "255.255.255.0", "0.0.0.0", "0.0.0.0", ""],
        ["permit", "0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0", "let all in"],
    ],
    "6": [["permit", "::", "0", "::", "0", "let all in"]],
}


class Backend(NamedTuple):
    """A script, what is doubled for it, the host before the first block, and how to judge and flush it there."""

    script: str
    programs: Sequence[str]
    state: State
    blocks: Callable[[State, str], bool]
    flush: Callable[[State], Any]


BACKENDS = {
    "pf": Backend(
        "pf.sh",
        ["pfctl"],
        {
            "enabled": True,
            "tables": {"ossec_fwtable": [], "spammers": ["198.51.100.0/24"]},
            "rules": [["block", "in", "from", "spammers"], *PF_RULES],
            "states": [["198.51.100.9", "192.0.2.1"], ["192.0.2.1", "2001:db8:99::9"]],
        },
        pfctl.blocks,
        lambda state: state["tables"]["ossec_fwtable"].clear(),
    ),
    "ipfw": Backend(
        "ipfw.sh",
        ["ipfw", "sysctl"],
        {
            "sysctl": {"net.inet.ip.fw.enable": "1", "net.inet6.ip6.fw.enable": "1"},
            "tables": {"2": ["198.51.100.0/24"]},
            "numbered": [["100", "deny ip from table(2) to any"], ["65535", "allow ip from any to any"]],
        },
        ipfw.blocks,
        lambda state: (state["numbered"].clear(), state["tables"].clear()),
    ),
    "ipfilter": Backend(
        "ipfilter.sh",
        ["ipf", "ipfstat"],
        {
            "running": True,
            "rules": {
                "4": ["block in quick from 198.51.100.0/24 to any", "pass in quick from any to any"],
                "6": ["block in quick from 2001:db8:9::/64 to any", "pass in quick from any to any"],
            },
        },
        ipf.blocks,
        lambda state: state.update(rules={"4": [], "6": []}),
    ),
    "npf": Backend(
        "npf.sh",
        ["npfctl"],
        {
            "active": True,
            "tables": {"ossec_fwtable": [], "spammers": ["198.51.100.0/24"]},
            "rules": ["block in final from <spammers>", *NPF_RULES, "pass stateful out final all"],
        },
        npfctl.blocks,
        lambda state: state["tables"]["ossec_fwtable"].clear(),
    ),
    "aix-ipsec": Backend(
        "aix-ipsec.sh",
        ["genfilt", "lsfilt", "rmfilt", "mkfilt"],
        {"table": AIX_RULES, "active": AIX_RULES},
        aix.blocks,
        lambda state: state.update(table=AIX_RULES, active=AIX_RULES),
    ),
}


class Host:
    """A host with doubles of `programs`, and the answers of its uname; none of its programs asks the real system."""

    def __init__(self, folder: Path, programs: Sequence[str], state: State, system: str = "none") -> None:
        self._file = folder / "state.json"
        self._folder = folder / "bin"
        self.system = system
        self.path = str(self._folder)
        self._folder.mkdir(parents=True)
        for tool in TOOLS:
            (self._folder / tool).symlink_to(shutil.which(tool) or f"/no/{tool}")
        for program in programs:
            self.install(program)
        self._write("uname", f"echo {system}")
        self.state = copy.deepcopy(state)

    def install(self, program: str) -> None:
        self._write(program, f'exec "{sys.executable}" -E -s -S "{DOUBLES / program}.py" "$@"')

    def uninstall(self, program: str) -> None:
        (self._folder / program).unlink()

    def _write(self, program: str, command: str) -> None:
        (self._folder / program).write_text(f"#!/bin/sh\n{command}\n")
        (self._folder / program).chmod(0o755)

    @property
    def state(self) -> State:
        state: State = json.loads(self._file.read_text())
        return state

    @state.setter
    def state(self, state: State) -> None:
        self._file.write_text(json.dumps(state))

    def change(self, **changes: Any) -> None:
        self.state = {**self.state, **changes}

    def call(self, script: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        given = {"PATH": self.path, "DOUBLE_STATE": str(self._file), "AR_RUN": str(self._file.parent), **options}
        return call(script, *arguments, **given)

    def run(self, program: str, *arguments: str, lines: str = "") -> subprocess.CompletedProcess[str]:
        """Run a double by itself."""
        return subprocess.run(
            [str(self._folder / program), *arguments], input=lines, env={"PATH": PATH, "DOUBLE_STATE": str(self._file)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def changes(self) -> List[List[str]]:
        """Return how the programs were called, and forget it."""
        calls: List[List[str]] = self.state.get("calls", [])
        self.change(calls=[])
        return calls


def settled(state: State) -> State:
    """Return a state without the calls that led to it."""
    return {key: value for key, value in state.items() if key != "calls"}
