"""Signed checkpoints: what people already hold, so that history cannot be shortened or rewritten.

The file is append only by convention and proves nothing by staying; the copies of its lines in
reports and chats do.
"""

import base64
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import DatabaseError

from audit.canonical import canonical, iso
from audit.selectors import chain_head
from audit.verification import SIGNED
from propbot.clock import database_now

log = structlog.get_logger(__name__)
Checkpoint = dict[str, object]


def checkpoints_path() -> Path:
    return Path(settings.DATA_DIR) / "audit" / "checkpoints.jsonl"


def signing_key() -> Ed25519PrivateKey | None:
    """The signer's key from its base64 seed of 32 bytes; None when it is not configured."""
    text = settings.PROPBOT.text("AUDIT_SIGNING_KEY")
    if not text:
        return None
    padded = text + "=" * (-len(text) % 4)
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_")))


def public_key_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


def _last_signature(handle: IO[str]) -> str:
    handle.seek(0)
    last = ""
    for line in handle:
        last = line if line.strip() else last
    return str(json.loads(last)["signature"]) if last else ""


def checkpoint_write(*, event: str) -> Checkpoint | None:
    """Sign the chain's head and append it, fsynced, to the file. None without a signing key."""
    key = signing_key()
    if key is None:
        log.warning("audit_checkpoint_skipped", reason="AUDIT_SIGNING_KEY is not set")
        return None
    with _locked(checkpoints_path()) as handle:
        head = chain_head()
        line: Checkpoint = {
            "at": iso(database_now()),
            "count": head.count,
            "event": event,
            "head": head.hash,
            "previous": _last_signature(handle),
            "seq": head.seq,
        }
        line["signature"] = base64.b64encode(key.sign(canonical({name: line[name] for name in SIGNED}))).decode()
        line["public_key"] = public_key_text(key)
        handle.write(canonical(line).decode() + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    return line


def checkpoint_after(event: str) -> None:
    """After a safety event's commit. The event has happened: a full disk must not undo or hide it."""
    try:
        checkpoint_write(event=event)
    except (OSError, ValueError, DatabaseError) as error:
        log.exception("audit_checkpoint_failed", trigger=event, kind=error.__class__.__name__)


def checkpoints_read(path: Path) -> list[Checkpoint]:
    """Every line of a checkpoint file, oldest first; ValueError names the line that is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    found: list[Checkpoint] = []
    for number, line in enumerate(lines, start=1):
        try:
            document = json.loads(line)
        except ValueError:
            raise ValueError(f"line {number} of {path.name} is not JSON") from None
        if not isinstance(document, dict):
            raise ValueError(f"line {number} of {path.name} is not a checkpoint")
        found.append(document)
    return found
