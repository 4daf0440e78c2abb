"""Writes the ossec.conf that a new home starts with: short, for this host, and telling why each thing is there."""

from __future__ import annotations

from html import escape
from typing import Iterator

from ar.cli.survey import Log, Survey
from ar.config.settings import JOURNALD

_HEAD = """\
<!-- ar-agent's configuration for this host, in OSSEC's format. It was written once, by `ar-agent init`, and is yours:
     nothing overwrites it. After a change run `ar-agent check`, then send the running agent SIGHUP. -->
<ossec_config>

  <!-- The allowlist: addresses, networks (192.0.2.0/24) and host names that are never blocked. This host's own
       addresses never are, whether they stand here or not. Add the address you administer this host from, so that
       mistyped passwords do not lock you out:
       <white_list>198.51.100.7</white_list> -->
  <global>
    <white_list>127.0.0.1</white_list>
    <white_list>::1</white_list>
"""

_RESPONSE = """\
  <command>
    <name>{command}</name>
    <executable>{script}</executable>
    <expect>srcip</expect>
    <timeout_allowed>yes</timeout_allowed>
  </command>

  <!-- Blocks whoever keeps failing to log in (the group authentication_failures) and whatever else is as grave
       (level 10 or higher; floods of web attacks are): for 600 seconds the first time, then for 30, 60 and 120
       minutes. One of the two is enough. `ar-agent run --observe` says what it would do, without doing it. -->
  <active-response>
    <command>{command}</command>
    <location>local</location>
    <rules_group>authentication_failures</rules_group>
    <level>10</level>
    <timeout>600</timeout>
    <repeated_offenders>30,60,120</repeated_offenders>
  </active-response>
"""

_RULES = """\
  <!-- Without a <rules> section the shipped decoders and rules are used, and after them local_decoder.xml and
       local_rules.xml of this home's folder `rules`, where rules of your own belong (ids from 100000). -->

</ossec_config>
"""


def starter_conf(found: Survey) -> str:
    """Return the text of the file."""
    return "".join(_parts(found))


def _parts(found: Survey) -> Iterator[str]:
    yield _HEAD
    if found.client is not None:
        yield "    <!-- Where you were logged in from over SSH when this file was written. -->\n"
        yield f"    <white_list>{found.client}</white_list>\n"
    yield "  </global>\n\n  <!-- The logs that were found here. Globs and strftime fields (%Y-%m-%d) may be used. -->\n"
    for log in found.logs:
        yield _local_file(log)
    if not found.logs:
        yield "  <!-- None was found, so that nothing is watched until you name one:\n"
        yield _local_file(Log("/var/log/auth.log", "syslog")).replace("  ", "       ", 1).rstrip() + " -->\n"
    yield f"\n  <!-- How addresses are blocked. Found here: {found.blocker.found}. -->\n"
    yield _RESPONSE.format(command=found.blocker.command, script=found.blocker.script)
    yield "\n" + _RULES


def _local_file(log: Log) -> str:
    location = "" if log.log_format == JOURNALD else f"    <location>{escape(log.location, quote=False)}</location>\n"
    return f"  <localfile>\n    <log_format>{log.log_format}</log_format>\n{location}  </localfile>\n"
