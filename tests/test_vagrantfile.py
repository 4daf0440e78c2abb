"""The machines of the Vagrantfile: vagrant takes it, and each machine tries scripts that there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import netns

ROOT = Path(__file__).resolve().parent.parent


def test_vagrant_finds_no_mistake_in_it(tmp_path):
    """Without a provider, which no machine that runs tests has; in a copy, since vagrant writes beside the file."""
    netns.require("vagrant")
    shutil.copy(ROOT / "Vagrantfile", tmp_path)
    environment = {"HOME": str(tmp_path), "VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Vagrantfile validated successfully." in done.stdout


def test_each_machine_tries_scripts_that_are_shipped():
    machines = re.findall(r'^ +scripts: "(.*)",$', (ROOT / "Vagrantfile").read_text(), re.MULTILINE)
    assert len(machines) == 5
    for script in " ".join(machines).split():
        assert (ROOT / "scripts" / script).is_file(), script
