"""Restoring a backup: proven before the database is touched, loaded in one transaction, proven again, then told."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from knox.models import AuthToken

from approvals.models import TokenNote
from audit.selectors import chain_head
from audit.services import alert, audited, checkpoint_write, record, verify
from audit.services.checkpoints import Checkpoint, checkpoints_path
from propbot import secrets_store
from propbot.clock import utc_now
from propbot.config import values
from propbot.console.services.backup import STORE_MEMBER, backup_read
from propbot.console.services.lacking import Lacking, checkpoints_put, known_checkpoints, lacking_of, split
from propbot.upkeep.backup import tables
from propbot.upkeep.backup.cipher import BackupError, decrypted, keys_of
from propbot.upkeep.backup.container import read_members
from propbot.upkeep.generation import generation_begin, generation_note
from propbot.upkeep.models import Generation
from risk import hold_file
from risk.services.hold import after_hold
from risk.services.restored import desk_set_back

OTHERS = """
SELECT DISTINCT application_name FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'propbot-%%'
   AND application_name <> 'propbot-manage' ORDER BY 1
"""


@dataclass(frozen=True)
class Restored:
    """``files`` are those that were put; ``kept`` those that stood there already and were left alone."""

    generation: Generation
    manifest: dict[str, Any]
    lacking: Lacking
    files: tuple[str, ...]
    kept: tuple[str, ...]


def refuse_unsuited(manifest: dict[str, Any], replace_database: str | None) -> None:
    """What must hold before anything is written. Raises BackupError."""
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        others = [name for (name,) in cursor.fetchall()]
    if others:
        raise BackupError(f"stop the desk first: {', '.join(others)} still use this database")
    here, there = set(tables.migrations_now()), set(manifest["migrations"])
    if here != there:
        differing = ", ".join(sorted(here ^ there)[:5])
        raise BackupError(f"this build's schema is another one ({differing}): use the build {manifest['build']}")
    name = str(connection.settings_dict["NAME"])
    if chain_head().seq and replace_database != name:
        raise BackupError(f"the database {name} holds a desk already; to replace it, say --replace-database {name}")


class _Loader:
    """Puts tables into the database and remembers files until the transaction stands."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.members = {one["name"]: one for one in manifest["members"]}
        self.files: dict[str, bytes] = {}
        self.tables = tables.tables_now()
        named = {name.removeprefix("table/"): one for name, one in self.members.items() if one["kind"] == "table"}
        wrong = {table.name for table in self.tables} ^ set(named)
        wrong |= {
            table.name
            for table in self.tables
            if set(table.columns) != set(named.get(table.name, {"columns": ()})["columns"])
        }
        if wrong:
            raise BackupError(f"the tables are not those of the backup: {', '.join(sorted(wrong)[:5])}")

    def take(self, name: str, parts: Iterator[bytes]) -> None:
        if self.members[name]["kind"] == "table":
            table = name.removeprefix("table/")
            tables.copy_in(tables.Table(table, tuple(self.members[name]["columns"])), parts)
        else:
            self.files[name] = b"".join(parts)

    def prove_rows(self) -> None:
        for table in self.tables:
            promised = self.members[f"table/{table.name}"]["rows"]
            if (found := tables.rows_of(table.name)) != promised:
                raise BackupError(f"{table.name} has {found} rows after the restore, the backup names {promised}")


def _load(path: Path, loader: _Loader, manifest: dict[str, Any]) -> None:
    triggers = tables.triggers_now()
    tables.triggers_off(triggers)
    tables.empty(loader.tables)
    with path.open("rb") as file:
        read = read_members(decrypted(file, keys_of(values().text("BACKUP_ENC_KEY"))), loader.take)
    if read["id"] != manifest["id"]:
        raise BackupError("the file was exchanged while it was read")
    tables.sequences_set(manifest["sequences"])
    tables.triggers_on(triggers)
    loader.prove_rows()


def _prove_chain(manifest: dict[str, Any], kept: list[Checkpoint], place: Path) -> None:
    """Every record, its keyed hash and every checkpoint up to the backup's head; the signed ones decide."""
    head = chain_head()
    if {"seq": head.seq, "hash": head.hash} != manifest["chain"]:
        raise BackupError("the restored audit trail does not end where the backup says")
    checkpoints_put(place, kept)
    verdict = verify(path=place)
    if verdict.finding:
        raise BackupError(f"the restored audit trail is broken at record {verdict.finding.seq}: {verdict.finding.why}")


def _void_access() -> dict[str, int]:
    """Tokens and sessions that were revoked after the backup would live again: none of them does."""
    tokens, _ = AuthToken.objects.all().delete()
    TokenNote.objects.all().delete()
    sessions, _ = Session.objects.all().delete()
    return {"tokens": tokens, "sessions": sessions}


def _set_aside(known: list[Checkpoint], kept: list[Checkpoint], life: Generation) -> None:
    """The checkpoints that the desk goes on from; the newer ones stay beside them as evidence."""
    path = checkpoints_path()
    if len(known) > len(kept):
        checkpoints_put(path.with_name(f"checkpoints-before-{life.pk}.jsonl"), known)
    checkpoints_put(path, kept)


def _put_files(files: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Write what is not there. The checkpoints were settled before; an existing secrets store is never replaced."""
    root, put, kept = Path(settings.DATA_DIR).resolve(), [], []
    for name, content in files.items():
        target = _target_of(name, root)
        if target is None or target == checkpoints_path().resolve():
            continue
        if target.exists():
            kept.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, secrets_store.MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        put.append(name)
    return put, kept


def _target_of(name: str, root: Path) -> Path | None:
    if name == STORE_MEMBER:
        store = values().text("SECRETS_STORE_PATH")
        return Path(store).resolve() if store else None
    target = (root / name.removeprefix("data/")).resolve()
    if not target.is_relative_to(root):
        raise BackupError(f"{name} leads out of the data directory")
    return target


def _checkpoint_files(loader: _Loader, elsewhere: Path | None, place: Path) -> list[Path]:
    """The backup's own, the data directory's, and the one that somebody kept elsewhere."""
    content = loader.files.get(f"data/audit/{checkpoints_path().name}")
    if content is not None:
        place.write_bytes(content)
    return [place, checkpoints_path(), *([elsewhere] if elsewhere else [])]


def restore(*, path: Path, replace_database: str | None = None, checkpoints: Path | None = None) -> Restored:
    """Replace the database by the backup's, in HOLD, as a new generation; all of it, or nothing (one transaction).

    ``checkpoints`` is a newer checkpoint file that was kept elsewhere. Raises BackupError, RecordingFailedError.
    """
    manifest = backup_read(path)
    refuse_unsuited(manifest, replace_database)
    hold_file.write(reason="a backup is being restored", source="restore", hold_id=None, at=utc_now())
    draft = checkpoints_path().with_name(f".restoring-{os.getpid()}.jsonl")
    draft.parent.mkdir(parents=True, exist_ok=True)
    loader = _Loader(manifest)
    reason = f"restored from the backup {manifest['id']} of {manifest['at']}"
    try:
        with audited():
            tables.long_work()
            _load(path, loader, manifest)
            known = known_checkpoints(_checkpoint_files(loader, checkpoints, draft))
            kept, _ = split(known, int(manifest["chain"]["seq"]))
            _prove_chain(manifest, kept, draft)
            lacking = lacking_of(known, int(manifest["chain"]["seq"]))
            row = desk_set_back(reason=reason)
            life = generation_begin(
                origin=Generation.Origin.RESTORED,
                backup=manifest["id"],
                head_seq=lacking.head_seq,
                lost_records=lacking.records,
                note=lacking.sentence,
            )
            details = {"backup": manifest["id"], "generation": str(life.pk), "lacking": lacking.facts()}
            record(action="restore", target="desk", details={**details, "voided": _void_access()})
    finally:
        draft.unlink(missing_ok=True)
    _set_aside(known, kept, life)
    put, stood = _put_files(loader.files)
    generation_note(life)
    after_hold(row)
    checkpoint_write(event="restore")
    alert(kind="desk_restored", severity="critical", text=f"The desk was {reason}. {lacking.sentence}", extra=details)
    return Restored(life, manifest, lacking, tuple(put), tuple(stood))
