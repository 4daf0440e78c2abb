"""A home in which every verb can be tried, and a way to run verbs in this process."""

import json

import pytest

from ar.cli import main

CONF = """\
<ossec_config>
  <global><white_list>10.0.0.0/8</white_list></global>
  <command><name>drop</name><executable>null.sh</executable><expect>srcip</expect></command>
  <command><name>mail</name><executable>null.sh</executable><expect>user</expect>
    <timeout_allowed>no</timeout_allowed></command>
  <active-response><command>drop</command><location>local</location>
    <rules_id>5716,5720</rules_id><timeout>600</timeout>
    <repeated_offenders>30,60,120</repeated_offenders></active-response>
  <active-response><command>mail</command><location>local</location><rules_id>5716</rules_id></active-response>
</ossec_config>
"""


@pytest.fixture
def home(tmp_path):
    root = tmp_path / "home"
    for name in ("etc", "rules", "active-response/bin", "logs/alerts", "var"):
        (root / name).mkdir(parents=True)
    (root / "etc/ossec.conf").write_text(CONF)
    script = root / "active-response/bin/null.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return root


@pytest.fixture
def verb(home, capsys):
    """Run a verb on the home; return its exit code, what it printed, and what it complained of."""

    def run(*words):
        code = main(["--home", str(home), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def objects(verb):
    """Run a verb with --json, and return the objects it printed."""

    def run(*words):
        code, out, err = verb(*words, "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    return run
