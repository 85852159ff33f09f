"""The bench's own database, made anew, with Django on it. Imported before anything of the project."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests import environment  # noqa: F401 - the settings of the suite: nothing of the caller's desk is used

DATABASE = "propbot_risk_bench"


def prepare() -> None:
    """A fresh, migrated database beside the one that DATABASE_URL names, and a data directory of its own."""
    server = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urlunsplit(server._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")  # type: ignore[arg-type]
        connection.execute(f"CREATE DATABASE {DATABASE}")  # type: ignore[arg-type]
    os.environ["DATABASE_URL"] = urlunsplit(server._replace(path=f"/{DATABASE}"))
    os.environ["DATA_DIR"] = str(Path(tempfile.mkdtemp(prefix="propbot-risk-bench-")))
    os.environ.update(
        DJANGO_SETTINGS_MODULE="propbot.settings",
        RISK_CHECKS_ENABLED="true",
        RISK_ENFORCE_CAPS="true",
        RISK_ENFORCE_BUDGETS="true",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
