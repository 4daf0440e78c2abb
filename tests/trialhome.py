"""A home on disk, for the tests of the configuration and of what reads it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from ar.config.home import Home
from ar.config.load import load
from ar.config.ossecconf import Identity

IDENTITY = Identity("web1", "Linux web1 6.1.0 #1 SMP x86_64")

COMMAND = """
<command>
  <name>firewall-drop</name>
  <executable>firewall-drop.sh</executable>
  <expect>srcip</expect>
</command>
"""

RULES = """
<group name="local,trial,">
  <rule id="100001" level="0"><match>quiet</match><description>Never alerts.</description></rule>
  <rule id="100002" level="5"><match>failed</match><description>A failure.</description>
    <group>authentication_failed,</group></rule>
  <rule id="100003" level="10"><if_sid>100002</if_sid><match>many</match><description>Failures.</description></rule>
  <rule id="100004" level="10"><match>exempt</match><options>no_ar</options>
    <description>No response.</description></rule>
</group>
"""


class Trial:
    """Writes the files of a home and loads it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return path

    def folders(self) -> None:
        """Make those in which the agent writes, as init does."""
        for folder in self.home.written:
            folder.mkdir(parents=True, exist_ok=True)

    def conf(self, inside: str) -> None:
        """Write etc/ossec.conf with `inside` starting on line 2."""
        self.write("etc/ossec.conf", f"<ossec_config>\n{textwrap.dedent(inside).strip()}\n</ossec_config>\n")

    def toml(self, text: str) -> None:
        self.write("etc/agent.toml", textwrap.dedent(text).lstrip("\n"))

    def script(self, name: str = "firewall-drop.sh", mode: int = 0o750) -> Path:
        path = self.write(f"active-response/bin/{name}", "#!/bin/sh\n")
        path.parent.chmod(0o750)
        path.chmod(mode)
        return path

    def load(self):
        return load(self.home, IDENTITY)

    def mistakes(self) -> list[str]:
        return [str(mistake) for mistake in self.load().mistakes]

    def warnings(self) -> list[str]:
        return [str(warning) for warning in self.load().warnings]
