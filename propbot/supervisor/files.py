"""The supervisor's files in DATA_DIR: who may read them, secrets, the addresses of the running desk."""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import IO, Any

SECRETS_FILE = "secrets.env"
DESK_FILE = "run/desk.env"
DEMO_FILE = "demo-accounts.json"
LOCK_FILE = "run/supervisor.lock"


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` atomically by a file that only its owner reads."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; an absent file is an empty table."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write_env_file(path: Path, table: Mapping[str, str]) -> None:
    write_private(path, "".join(f"{name}={value}\n" for name, value in table.items()))


def _new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "APPROVE_TOKEN": secrets.token_urlsafe(24),
        "AUDIT_HMAC_KEY": secrets.token_urlsafe(48),
        "AUDIT_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SECRETS_ENC_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def generated_secrets(data_dir: Path) -> dict[str, str]:
    """The desk's own secrets: made once, kept for every later start."""
    path = data_dir / SECRETS_FILE
    kept = read_env_file(path)
    table = {**_new_secrets(), **kept}
    if table != kept:
        write_env_file(path, table)
    return table


def write_demo_addresses(data_dir: Path, addresses: Mapping[str, str]) -> Path:
    """The demo file without its people, who are added by ``manage.py demo_people``."""
    path = data_dir / DEMO_FILE
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    people = kept.get("people", {})
    write_private(path, json.dumps({**addresses, "people": people}, indent=2) + "\n")
    return path


def lock(data_dir: Path) -> IO[str] | None:
    """The data directory's lock, held until this process ends; None while another supervisor holds it."""
    file = (data_dir / LOCK_FILE).open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def load_running_desk(environ: MutableMapping[str, str], root: Path) -> None:
    """Let ``manage.py`` speak to the desk that ``make run`` started; what the environment says wins."""
    data_dir = root / (environ.get("DATA_DIR") or "data")
    if "DATABASE_URL" in environ or not (data_dir / DESK_FILE).exists():
        return
    try:
        table = {**read_env_file(data_dir / SECRETS_FILE), **read_env_file(data_dir / DESK_FILE)}
    except PermissionError:
        return
    for name, value in table.items():
        environ.setdefault(name, value)
