"""Loaded before Django's settings (``-p tests.environment``): the suite never sees the caller's settings.

Only the addresses of PostgreSQL and Redis are taken from outside. Every xdist worker has a Redis
database of its own beside its own PostgreSQL database, and a data directory that dies with it.
"""

import atexit
import base64
import os
import re
import shutil
import tempfile

from propbot import config

KEPT = ("DATABASE_URL", "REDIS_URL")
DATABASES = 16
SECRETS = {
    "SECRET_KEY": "tests-only-" + "s" * 50,
    "APPROVE_TOKEN": "tests-only-approve-token",
    "AUDIT_HMAC_KEY": "tests-only-audit-hmac-key-0123456789",
    "AUDIT_SIGNING_KEY": base64.b64encode(b"tests-only-ed25519-seed-32-bytes").decode(),
    "SECRETS_ENC_KEY": base64.urlsafe_b64encode(b"tests-only-fernet-key-of-32-byte").decode(),
}


def _forget_settings() -> None:
    names = {name for setting in config.SETTINGS for name in (setting.name, *setting.aliases)} - set(KEPT)
    for name in names:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)


def _worker_number() -> int:
    match = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return int(match[1]) if match else 0


def _redis_of_worker(url: str, number: int) -> str:
    """The database of ``url`` plus the worker's number, round the usual sixteen, for tcp and unix addresses."""
    if url.startswith("unix://"):
        base, _, query = url.partition("?db=")
        return f"{base}?db={(int(query or 0) + number) % DATABASES}"
    base, _, database = url.rpartition("/")
    return f"{base}/{(int(database) + number) % DATABASES}" if database.isdigit() else f"{url}/{number}"


def _prepare() -> None:
    _forget_settings()
    data_dir = tempfile.mkdtemp(prefix="propbot-tests-")
    atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
    os.environ.update(SECRETS, DATA_DIR=data_dir)
    url = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/15"
    os.environ["REDIS_URL"] = _redis_of_worker(url, _worker_number())


_prepare()
