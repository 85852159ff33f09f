"""What stands before Django is loaded: the database, the simulator and the settings of a run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
DIVISOR = 10
QUICK_DIVISOR = 50  # the engine's own tests divide by as much
SETTINGS = {
    "PROFILE": "simulator",
    "DRY_RUN_ONLY": "false",
    "DRY_RUN_MODE": "false",
    "ORPHAN_MAX_SEC": "1.5",  # 15 s, divided
    "RELIABILITY_TIME_DIVISOR": str(DIVISOR),
    "MAX_QUOTE_AGE_MS": "10000",
    "LOG_LEVEL": "ERROR",
}


RUN = os.environ.setdefault("CHAOS_RUN", f"propbot_chaos_{os.getpid()}")  # two runs share a server, no database


def divisor() -> int:
    """What the waits of RELIABILITY S3, S6 and S7 are divided by in this run."""
    return int(os.environ.get("CHAOS_DIVISOR", DIVISOR))


def _server() -> tuple[str, str]:
    """The address of the given server without its database, and its options."""
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    path = urlsplit(base).path
    return (base[: -len(path)] if path else base), (f"?{query}" if query else "")


def _make(name: str, template: str, *, durable: bool = True) -> str:
    server, query = _server()
    with psycopg.connect(f"{server}/postgres{query}", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        if not durable:
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    return f"{server}/{name}{query}"


def template_make() -> None:
    """One migrated database that every group copies."""
    from tests.environment import SECRETS

    environment = {**os.environ, **SECRETS, **SETTINGS, "DATABASE_URL": _make(RUN, "template0"), "PROCESS": "prepare"}
    environment |= {"DATA_DIR": tempfile.gettempdir(), "SIMULATOR_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "manage.py", "migrate", "-v", "0"]
    for _ in range(
        5
    ):  # on a loaded machine a migration may meet the connection's own two seconds; it goes on from there
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0:  # noqa: S603
            return
    raise RuntimeError("the database could not be migrated")


def database_url(name: str, *, durable: bool = True) -> str:
    """A copy of the template under its own name; one that is not durable commits without waiting for its disk."""
    return _make(f"{RUN}_{name}", RUN, durable=durable)


def databases_drop() -> None:
    server, query = _server()
    with psycopg.connect(f"{server}/postgres{query}", autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{RUN}%"]).fetchall()
        for (name,) in found:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def canaries() -> tuple[str, ...]:
    """Secrets that may stand in no log (I7)."""
    return ("simsecret", "simpass", os.environ["APPROVE_TOKEN"], os.environ["AUDIT_HMAC_KEY"])


def data_root() -> Path:
    base = os.environ.get("CHAOS_DATA_DIR")
    if base:
        Path(base).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="chaos-", dir=base))


def settings_set(*, database: str, simulator_url: str, data_dir: Path) -> None:
    """The environment that Django's settings are read from, here and in every child."""
    from tests.environment import SECRETS  # reading it forgets the caller's settings, so not before this moment

    os.environ.pop("PROPBOT_CRASH_AT", None)
    os.environ.update(SECRETS)
    os.environ.update(SETTINGS)
    os.environ["RELIABILITY_TIME_DIVISOR"] = str(divisor())
    os.environ.update(DATABASE_URL=database, SIMULATOR_URL=simulator_url, DATA_DIR=str(data_dir))
    os.environ["DJANGO_SETTINGS_MODULE"] = "propbot.settings"
    os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/9")
