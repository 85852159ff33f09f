#!/usr/bin/env python3
"""Kept for existing scripts: the command itself is propbot.console.cli."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from propbot.console.cli import main

if __name__ == "__main__":
    main()
