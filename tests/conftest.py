"""What holds for every test: in continuous integration nothing that needs real programs may be passed over."""

from __future__ import annotations

import os
from typing import Any, Iterator

import pytest

REAL = ("e2e", "frozen")  # markers of tests that need programs or rights which a machine may lack


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Turn the skip of a REAL test into a failure where CI=true: a run that proves nothing must not pass there."""
    outcome: Any = yield
    report = outcome.get_result()
    real = any(item.get_closest_marker(name) for name in REAL)
    if real and report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {report.longrepr}"
