"""A home on disk for each test of the configuration."""

import pytest
from trialhome import Trial


@pytest.fixture
def trial(tmp_path):
    trial = Trial(tmp_path)
    trial.folders()
    return trial
