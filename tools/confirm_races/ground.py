"""The database and the directory of a measuring command; everything is dropped and made anew."""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]


def database_make(server: str, name: str, *, durable: bool) -> str:
    """The address of the empty database ``name``, on the server of ``server``."""
    with psycopg.connect(urlunsplit(urlsplit(server)._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        if not durable:
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def prepare(folder: str | None, *, database: str, durable: bool = True) -> Path:
    """Set the environment, make and migrate the database, load Django; the data directory of the run."""
    server = os.environ.get("DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
    import tests.environment as tests_environment  # sets the settings of a test; afterwards ours

    data_dir = Path(tempfile.mkdtemp(prefix=f"{database}-", dir=folder))
    os.environ.update(
        DATABASE_URL=database_make(server, database, durable=durable),
        DATA_DIR=str(data_dir),
        DJANGO_SETTINGS_MODULE="propbot.settings",
        **tests_environment.SECRETS,
    )
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
    import django

    django.setup()
    logging.disable(logging.CRITICAL)  # thousands of refusals are the point here, not news
    return data_dir
