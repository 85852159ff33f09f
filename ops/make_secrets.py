"""Make the secret files of docker-compose.prod.yml: ``make_secrets.py [DIRECTORY]``, with the standard library only.

A file that exists is left alone. Files are 0440 for 1000:1000 (when run as root), readable by the containers and by
nobody else. What only people know is left for them: the Telegram token and the exchange keys are never made here.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

OWNER = 1000
MODE = 0o440
FOR_PEOPLE = ("telegram_bot_token",)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_values() -> dict[str, str]:
    """Every file of the compose file's ``secrets``, with a fresh value; the addresses hold the passwords made here."""
    postgres, redis = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    return {
        "postgres_password": postgres,
        "redis_password": redis,
        "database_url": f"postgres://propbot:{postgres}@postgres:5432/propbot",
        "redis_url": f"redis://:{redis}@redis:6379/0",
        "secret_key": secrets.token_urlsafe(64),
        "approve_token": secrets.token_urlsafe(24),
        "audit_hmac_key": secrets.token_urlsafe(48),
        "audit_signing_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "secrets_enc_key": fernet_key(),
        "backup_enc_key": fernet_key(),
        "flower_basic_auth": f"operator:{secrets.token_urlsafe(18)}",
        "grafana_password": secrets.token_urlsafe(18),
        "telegram_bot_token": "",
    }


# Made together or not at all: an address with another password than the server's opens nothing.
PAIRS = (("postgres_password", "database_url"), ("redis_password", "redis_url"))


def make(directory: Path) -> list[str]:
    """The names of the files that were written."""
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    for pair in PAIRS:
        present = [name for name in pair if (directory / name).exists()]
        if len(present) == 1:
            sys.exit(
                f"{directory / present[0]} stands without its partner of {pair}: remove it or bring the other back"
            )
    written = []
    for name, value in new_values().items():
        path = directory / name
        if path.exists():
            continue
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{value}\n" if value else "")
        if os.geteuid() == 0:
            os.chown(path, OWNER, OWNER)
        path.chmod(MODE)
        written.append(name)
    if os.geteuid() == 0:
        os.chown(directory, OWNER, OWNER)
    return written


def main() -> int:
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "secrets")
    for name in make(directory):
        todo = "  (empty: put the value in yourself)" if name in FOR_PEOPLE else ""
        sys.stdout.write(f"{directory / name}{todo}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
