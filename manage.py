#!/usr/bin/env python
"""PropBot's command line."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from propbot.supervisor.files import load_running_desk


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
    load_running_desk(os.environ, Path(__file__).resolve().parent)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
