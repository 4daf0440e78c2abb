"""Fixtures of the tests of ar/watch."""

import pytest
from watching import Watch


@pytest.fixture
def watch():
    """Make watchers that are closed after the test."""
    made = []

    def make(*locations, **options):
        made.append(Watch(*locations, **options))
        return made[-1]

    yield make
    for one in made:
        one.watcher.close()


@pytest.fixture
def log(tmp_path):
    """Return an empty log file."""
    path = tmp_path / "auth.log"
    path.write_bytes(b"")
    return path
