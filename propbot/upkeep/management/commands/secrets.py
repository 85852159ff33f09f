"""Keep the secrets store: encrypt, set, rotate, status."""

import json
from getpass import getpass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError, CommandParser

from propbot import config, secrets_store
from propbot.clock import utc_now
from propbot.secrets_store import SecretsStore, SecretsStoreError


class Command(BaseCommand):
    help = "Encrypt, set and rotate the exchange keys in SECRETS_STORE_PATH, and tell their ages. Never prints a value."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        encrypt = actions.add_parser("encrypt", help="encrypt every plain value")
        encrypt.add_argument("--from-legacy", type=Path, metavar="FILE", help="import a file of the older kind first")
        encrypt.add_argument("--legacy-key-file", type=Path, help="the older file's key; none: base64 alone")
        setting = actions.add_parser("set", help="store one value, asked for without echo")
        setting.add_argument("name", choices=secrets_store.VALUE_NAMES)
        setting.add_argument("--value-file", type=Path, help="read the value from a file instead")
        actions.add_parser("rotate", help="re-encrypt everything under the newest key of SECRETS_ENC_KEY")
        actions.add_parser("status", help="names and ages")
        actions.add_parser("new-key", help="print a new Fernet key for SECRETS_ENC_KEY")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "new-key":
            self.stdout.write(Fernet.generate_key().decode())
            return
        try:
            getattr(self, f"_{action}")(self._store(), options)
        except SecretsStoreError as error:
            raise CommandError(str(error)) from error

    def _store(self) -> SecretsStore:
        """Plain values are readable here in every profile: encrypting them is this command's work."""
        values = config.values()
        path = values.text("SECRETS_STORE_PATH")
        if not path:
            raise CommandError("set SECRETS_STORE_PATH to the file of the store")
        cipher = secrets_store.cipher_of(values.text("SECRETS_ENC_KEY"))
        return SecretsStore(Path(path), cipher, plain_allowed=True)

    def _encrypt(self, store: SecretsStore, options: dict[str, Any]) -> None:
        file = options["from_legacy"]
        imported = self._legacy(file, options["legacy_key_file"]) if file else None
        self.stdout.write(f"{store.reseal(imported=imported)} values are encrypted in {store.path}")

    def _legacy(self, path: Path, key_file: Path | None) -> dict[str, Any]:
        """What a file of the older kind holds, in the clear: it is encrypted before it is written anywhere."""
        key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
        content = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = {
            name: secrets_store.legacy_reveal(str(content[name]), key)
            for name in secrets_store.VALUE_NAMES
            if content.get(name)
        }
        tokens = content.get("operator_tokens") or {}
        for row in tokens.values():
            row["token"] = secrets_store.legacy_reveal(str(row["token"]), key)
        return {**found, **({"operator_tokens": tokens} if tokens else {}), "meta": content.get("meta") or {}}

    def _set(self, store: SecretsStore, options: dict[str, Any]) -> None:
        file = options["value_file"]
        value = file.read_text(encoding="utf-8").strip() if file else getpass(f"{options['name']}: ")
        if not value:
            raise CommandError("an empty value is not stored")
        store.set(options["name"], value, now=utc_now())
        self.stdout.write(f"{options['name']} is stored in {store.path}")

    def _rotate(self, store: SecretsStore, _: dict[str, Any]) -> None:
        self.stdout.write(f"{store.reseal()} values are encrypted under the newest key")

    def _status(self, store: SecretsStore, _: dict[str, Any]) -> None:
        days = config.values().integer("SECRET_MAX_AGE_DAYS")
        for age in store.ages(now=utc_now(), max_age_days=days):
            known = "never rotated" if age.age_days is None else f"{age.age_days} days old"
            state = "missing" if not age.present else known
            self.stdout.write(f"{age.name}: {state}{', rotation needed' if age.rotation_needed else ''}")
        for token in store.operator_tokens():
            self.stdout.write(f"operator {token.name}: {token.role}")
