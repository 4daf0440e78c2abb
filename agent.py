#!/usr/bin/env python3
"""The front door: hands the command line to the verbs and their exit code to the caller."""

from __future__ import annotations

import sys

from ar.cli import main

if __name__ == "__main__":
    sys.exit(main())
