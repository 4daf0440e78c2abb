"""Where everything of one agent lives on a host: one folder, laid out as OSSEC's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

DEFAULT = "/var/ossec"


@dataclass(frozen=True)
class Home:
    """The folder of an agent and the files in it; nothing here touches the disk."""

    root: Path

    @classmethod
    def choose(cls, option: Optional[str]) -> Home:
        """Return the home that `--home`, else AR_HOME, else the default names, as an absolute path."""
        return cls(Path(os.path.abspath(option or os.environ.get("AR_HOME") or DEFAULT)))  # noqa: PTH100 (keeps links)

    @property
    def ossec_conf(self) -> Path:
        return self.root / "etc/ossec.conf"

    @property
    def agent_conf(self) -> Path:
        return self.root / "etc/shared/agent.conf"

    @property
    def agent_toml(self) -> Path:
        return self.root / "etc/agent.toml"

    @property
    def rules(self) -> Path:
        return self.root / "rules"

    @property
    def scripts(self) -> Path:
        return self.root / "active-response/bin"

    @property
    def ossec_log(self) -> Path:
        return self.root / "logs/ossec.log"

    @property
    def responses_log(self) -> Path:
        return self.root / "logs/active-responses.log"

    @property
    def alerts(self) -> Path:
        return self.root / "logs/alerts"

    @property
    def journal(self) -> Path:
        return self.root / "var/journal.json"

    @property
    def socket(self) -> Path:
        return self.root / "var/agent.sock"

    @property
    def observer_socket(self) -> Path:
        """Where an agent answers that only observes, beside which another one may act."""
        return self.root / "var/observer.sock"

    @property
    def sockets(self) -> Tuple[Path, ...]:
        """Where somebody may answer, the one who acts first."""
        return self.socket, self.observer_socket

    @property
    def written(self) -> Tuple[Path, ...]:
        """The folders in which the agent writes; it does not start without them."""
        return self.ossec_log.parent, self.alerts, self.journal.parent

    @property
    def scripts_lock(self) -> Path:
        return self.root / "var/scripts.lock"

    @property
    def next_due(self) -> Path:
        """Says until when a sweep finds nothing to do."""
        return self.root / "var/sweep.json"

    @property
    def lock(self) -> Path:
        """Says who holds the home; what is locked is its folder."""
        return self.root / "var/lock"
