"""The secrets store: one JSON file, mode 0600, values encrypted with Fernet (SPEC 10).

Newest key first in SECRETS_ENC_KEY; older ones still decrypt, so a rotation re-encrypts at leisure.
Without a key plain values are read, except in live.

A change is made alone, on what stands in the file by then, and replaces the file in one step: a process that is killed
anywhere in it leaves the store as it was or as it was to be.
"""

import base64
import binascii
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from propbot import redaction
from propbot.crashpoints import crashpoint
from propbot.env import Values, raw_text

MODE = 0o600
VALUE_NAMES = ("binance_key", "binance_secret", "okx_key", "okx_secret", "okx_passphrase")
FERNET_PREFIX = "gAAAA"
LOCK_SECONDS = 5.0
LOCK_PAUSE_SECONDS = 0.02
ENVIRONMENT = {
    "live": {
        "binance_key": ("BINANCE_API_KEY", "BINANCE_LV_API_KEY"),
        "binance_secret": ("BINANCE_API_SECRET", "BINANCE_LV_API_SECRET"),
        "okx_key": ("OKX_API_KEY",),
        "okx_secret": ("OKX_API_SECRET",),
        "okx_passphrase": ("OKX_API_PASSPHRASE",),
    },
    "testnet": {
        "binance_key": ("BINANCE_UM_API_KEY_TESTNET", "BINANCE_LV_API_KEY_TESTNET"),
        "binance_secret": ("BINANCE_UM_API_SECRET_TESTNET", "BINANCE_LV_API_SECRET_TESTNET"),
        "okx_key": ("OKX_API_KEY_TESTNET",),
        "okx_secret": ("OKX_API_SECRET_TESTNET",),
        "okx_passphrase": ("OKX_API_PASSPHRASE_TESTNET",),
    },
}


class SecretsStoreError(Exception):
    """The store cannot be used; the text says why and never holds a value."""


class SecretsStoreBusyError(SecretsStoreError):
    """Another process has been changing the store for too long; nothing was changed here."""


@dataclass(frozen=True)
class OperatorToken:
    name: str
    token: str
    role: str


@dataclass(frozen=True)
class SecretAge:
    """``age_days`` is None where no rotation was ever recorded."""

    name: str
    present: bool
    last_rotated_at: datetime | None
    age_days: int | None
    rotation_needed: bool


def cipher_of(keys: str) -> MultiFernet | None:
    """The cipher of comma separated Fernet keys, newest first; None without any."""
    parts = [part.strip() for part in keys.split(",") if part.strip()]
    try:
        return MultiFernet([Fernet(part) for part in parts]) if parts else None
    except ValueError:
        raise SecretsStoreError("SECRETS_ENC_KEY holds something that is no Fernet key") from None


def is_encrypted(value: str) -> bool:
    return value.startswith(FERNET_PREFIX)


class SecretsStore:
    """The file's content. Values are decrypted one by one, on request."""

    def __init__(self, path: Path, cipher: MultiFernet | None, *, plain_allowed: bool) -> None:
        self.path = path
        self.cipher = cipher
        self.plain_allowed = plain_allowed
        self.content = self._read()

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode != MODE:
            raise SecretsStoreError(f"{self.path} has mode {mode:04o}; it must be 0600")
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise SecretsStoreError(f"{self.path} is no readable JSON file") from None
        if not isinstance(content, dict):
            raise SecretsStoreError(f"{self.path} holds no JSON object")
        return content

    def reveal(self, value: str) -> str:
        if not is_encrypted(value):
            if not self.plain_allowed:
                raise SecretsStoreError(f"{self.path} holds a plain value; run manage.py secrets encrypt")
            return value
        if self.cipher is None:
            raise SecretsStoreError("the store is encrypted and SECRETS_ENC_KEY is not set")
        try:
            return self.cipher.decrypt(value.encode()).decode()
        except InvalidToken:
            raise SecretsStoreError("no key of SECRETS_ENC_KEY opens the store") from None

    def seal(self, value: str) -> str:
        if self.cipher is None:
            raise SecretsStoreError("set SECRETS_ENC_KEY first: new values are always stored encrypted")
        return self.cipher.encrypt(value.encode()).decode()

    def get(self, name: str) -> str | None:
        value = self.content.get(name)
        if not isinstance(value, str) or not value:
            return None
        plain = self.reveal(value)
        redaction.register([plain])
        return plain

    def operator_tokens(self) -> list[OperatorToken]:
        table = self.content.get("operator_tokens") or {}
        found = [
            OperatorToken(str(name), self.reveal(str(row["token"])), str(row["role"])) for name, row in table.items()
        ]
        redaction.register(item.token for item in found)
        return found

    def set(self, name: str, value: str, *, now: datetime) -> None:
        """Store one value encrypted and note when it was rotated."""
        with self._changing():
            self.content[name] = self.seal(value)
            self.content.setdefault("meta", {})[f"{name}_last_rotated"] = now.astimezone(UTC).isoformat()

    def reseal(self, *, imported: Mapping[str, Any] | None = None) -> int:
        """Encrypt every value, and plain ones of ``imported`` with them, under the newest key; how many there are."""
        with self._changing():
            self._merge(imported or {})
            names = [name for name in VALUE_NAMES if self.content.get(name)]
            for name in names:
                self.content[name] = self.seal(self.reveal(str(self.content[name])))
            rows = (self.content.get("operator_tokens") or {}).values()
            for row in rows:
                row["token"] = self.seal(self.reveal(str(row["token"])))
        return len(names) + len(rows)

    def _merge(self, imported: Mapping[str, Any]) -> None:
        """What is imported wins; only when a value was rotated is known better here."""
        meta = {**(imported.get("meta") or {}), **(self.content.get("meta") or {})}
        self.content.update(imported)
        if meta:
            self.content["meta"] = meta

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone, on what the file holds now: another process may have changed it since it was read here."""
        with self._locked():
            self.content = self._read()
            yield
            self._write()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock goes with its process, killed or not; the store itself cannot carry it, for it is replaced."""
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            self._wait_for(lock)
            yield
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > until:
                raise SecretsStoreBusyError(f"another process is changing {self.path}; try again")
            time.sleep(LOCK_PAUSE_SECONDS)

    def _write(self) -> None:
        # Under the lock: what stands here already was left by a process that died.
        draft = self.path.with_name(f".{self.path.name}.draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            crashpoint("secrets_draft_made")
            json.dump(self.content, file, indent=2)
            file.flush()
            crashpoint("secrets_draft_written")
            os.fsync(file.fileno())
        crashpoint("secrets_draft_kept")
        draft.replace(self.path)
        crashpoint("secrets_replaced")
        _fsync_folder(self.path.parent)

    def ages(self, *, now: datetime, max_age_days: int) -> list[SecretAge]:
        return [self._age(name, now, max_age_days) for name in VALUE_NAMES]

    def _age(self, name: str, now: datetime, max_age_days: int) -> SecretAge:
        present = bool(self.content.get(name))
        text = (self.content.get("meta") or {}).get(f"{name}_last_rotated")
        rotated = _instant(text)
        age = None if rotated is None else (now - rotated).days
        return SecretAge(name, present, rotated, age, present and (age is None or age >= max_age_days))


def _fsync_folder(folder: Path) -> None:
    """The new name survives a power cut only when its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _instant(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def legacy_reveal(value: str, key: str) -> str:
    """A value of the older kind: base64 of the text, XORed with the key's bytes in turn where there is a key."""
    try:
        data = base64.b64decode(value, validate=True)
        mask = key.encode()
        plain = bytes(byte ^ mask[i % len(mask)] for i, byte in enumerate(data)) if mask else data
        return plain.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SecretsStoreError("the file is not of the older kind, or the key is another one") from None


def open_store(values: Values) -> SecretsStore | None:
    """The store that SECRETS_STORE_PATH names; None where it names none."""
    path = values.text("SECRETS_STORE_PATH")
    if not path:
        return None
    live = values.text("PROFILE") == "live"
    return SecretsStore(Path(path), cipher_of(values.text("SECRETS_ENC_KEY")), plain_allowed=not live)


def exchange_secret(name: str, values: Values, environ: Mapping[str, str]) -> str | None:
    """One of VALUE_NAMES for this profile: the store first (live), then the environment in its fixed order."""
    profile = values.text("PROFILE")
    if profile not in ENVIRONMENT:
        return None
    store = open_store(values) if profile == "live" else None
    found = store.get(name) if store is not None else None
    if found is None:
        texts = (raw_text(variable, environ) for variable in ENVIRONMENT[profile][name])
        found = next((text for text in texts if text), None)
    redaction.register([found])
    return found


def missing_keys(values: Values, environ: Mapping[str, str]) -> list[str]:
    """The first variable name of every exchange secret that this profile lacks."""
    names = ENVIRONMENT.get(values.text("PROFILE"), {})
    return [variables[0] for name, variables in names.items() if exchange_secret(name, values, environ) is None]


def environment_key_names(environ: Mapping[str, str]) -> list[str]:
    """Variables of this process that hold an exchange key."""
    variables = {item for table in ENVIRONMENT.values() for names in table.values() for item in names}
    return sorted(name for name in variables if environ.get(name) or environ.get(f"{name}_FILE"))
