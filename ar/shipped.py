"""Where the files that come with the agent lie: beside the package in a checkout, unpacked when frozen."""

from __future__ import annotations

import sys
from pathlib import Path


def shipped_scripts() -> Path:
    """Return the folder of the shipped response scripts."""
    unpacked = getattr(sys, "_MEIPASS", None)  # PyInstaller sets it in a frozen executable
    base = Path(unpacked) if unpacked else Path(__file__).resolve().parent.parent
    return base / "scripts"
