"""Making a backup: one snapshot of the database, the audit's files and the secrets store, encrypted, then read back."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from audit.selectors import chain_head
from audit.services import alert, record, verify
from audit.services.checkpoints import checkpoint_write
from propbot import build
from propbot.clock import database_now
from propbot.config import values
from propbot.upkeep.backup import tables
from propbot.upkeep.backup.cipher import BackupError, EncryptedWriter, decrypted, keys_of, read_header
from propbot.upkeep.backup.container import ContainerWriter, read_members
from propbot.upkeep.generation import generation_now
from propbot.upkeep.services import duty_note

SUFFIX = ".pbk"
STORE_MEMBER = "secrets/store.json"
# Beside the database: what proves the audit trail, what has not reached it yet, and what was filed as evidence.
FOLDERS = ("audit", "snapshots", "incidents")
PART_BYTES = 1 << 20


@dataclass(frozen=True)
class BackupMade:
    """``audit_fault`` is what the audit trail's own proof says against it; None when it is sound."""

    path: Path
    manifest: dict[str, Any]
    audit_fault: str | None


def backup_folder() -> Path:
    return Path(settings.DATA_DIR) / "backups"


def _file_parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part


def _files() -> list[tuple[str, Path]]:
    root = Path(settings.DATA_DIR)
    found = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))]
    members = [(f"data/{path.relative_to(root)}", path) for path in found if path.is_file() and path.suffix != ".part"]
    store = values().text("SECRETS_STORE_PATH")
    return [*members, *([(STORE_MEMBER, Path(store))] if store and Path(store).is_file() else [])]


def _write_tables(container: ContainerWriter) -> None:
    for table in tables.tables_now():
        rows = tables.rows_of(table.name)
        container.add(f"table/{table.name}", "table", tables.copy_out(table), rows=rows, columns=table.columns)


def _facts(at: datetime) -> dict[str, Any]:
    """What the snapshot holds, as the restore compares it. Read inside the snapshot."""
    head, life = chain_head(), generation_now()
    return {
        "id": str(uuid.uuid4()),
        "at": at.isoformat(),
        "build": build.version(),
        "profile": values().text("PROFILE"),
        "generation": str(life.pk),
        "migrations": tables.migrations_now(),
        "sequences": tables.sequences_now(),
        "chain": {"seq": head.seq, "hash": head.hash},
        "server": connection.cursor().connection.info.server_version if connection.connection else None,
    }


def _write(file: Any, key: bytes, at: datetime) -> dict[str, Any]:
    stream = EncryptedWriter(file, key, {"at": at.isoformat(), "build": build.version()})
    container = ContainerWriter(stream.write)
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(tables.SNAPSHOT)
        tables.long_work()
        facts = _facts(at)
        _write_tables(container)
    # After the snapshot: a checkpoint that is a moment newer proves more than one that is older.
    for name, path in _files():
        container.add(name, "file", _file_parts(path))
    manifest = container.close(facts)
    stream.finish()
    return manifest


def backup_read(path: Path) -> dict[str, Any]:
    """Open the whole backup and prove every chunk and member; the manifest. Raises BackupError."""
    try:
        with path.open("rb") as file:
            keys = keys_of(values().text("BACKUP_ENC_KEY"))
            return read_members(decrypted(file, keys), lambda name, parts: None)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error.__class__.__name__}") from error


def _draft_of(folder: Path, at: datetime) -> tuple[Path, Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    final = folder / f"propbot-{at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}{SUFFIX}"
    return final.with_suffix(".part"), final


def backup_make(*, folder: Path) -> BackupMade:
    """Write, fsync and read back one backup. What the audit's proof says against the trail is in it and in the answer.

    A backup of a broken trail is evidence, so it is made all the same. Raises BackupError and OSError.
    """
    key = keys_of(values().text("BACKUP_ENC_KEY"))[0]
    checkpoint_write(event="backup")
    at = database_now()
    draft, final = _draft_of(folder, at)
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            manifest = _write(file, key, at)
            file.flush()
            os.fsync(file.fileno())
        if backup_read(draft) != manifest:
            raise BackupError("what was read back is not what was written")
        draft.rename(final)
    finally:
        draft.unlink(missing_ok=True)
    return BackupMade(final, manifest, _tell(final, manifest))


def _tell(path: Path, manifest: dict[str, Any]) -> str | None:
    verdict = verify()
    fault = None if verdict.finding is None else f"record {verdict.finding.seq}: {verdict.finding.why}"
    details = {"file": path.name, "id": manifest["id"], "chain": manifest["chain"], "bytes": path.stat().st_size}
    record(action="backup", target="desk", details={**details, "audit_fault": fault or ""})
    duty_note(name="backup")
    if fault:
        text = f"The backup {path.name} holds an audit trail that is broken at {fault}"
        alert(kind="audit_broken", severity="critical", text=text, extra=details)
    return fault


def backups_prune(*, folder: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` backups (at least 1); the names of those that went."""
    found = sorted(folder.glob(f"propbot-*{SUFFIX}"))
    gone = found[: -max(1, keep)]
    for path in gone:
        path.unlink()
    return [path.name for path in gone]


def backup_header(path: Path) -> dict[str, Any]:
    """When and by which build it was made, and under which key: readable without the key, and not proven."""
    with path.open("rb") as file:
        return read_header(file)[1]
