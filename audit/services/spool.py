"""The emergency spool: records of what must pass although the audit table cannot take them.

Only HOLD, cancels, reductions and panic may use it (law 1). Each record is one fsynced file, so a
crash leaves whole records or none, and ingesting one twice is refused by its id.
"""

import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from audit.canonical import canonical, iso, plain
from audit.choices import RecordStatus
from audit.context import Actor, current_actor
from audit.models import AuditRecord
from audit.services.alerts import alert
from audit.services.recording import Draft, append
from propbot.errors import RecordingFailedError

log = structlog.get_logger(__name__)


def spool_dir() -> Path:
    return Path(settings.DATA_DIR) / "audit" / "spool"


def _mac(document: Mapping[str, object]) -> str:
    key = settings.PROPBOT.text("AUDIT_HMAC_KEY")
    return hmac.new(key.encode(), canonical(document), hashlib.sha256).hexdigest() if key else ""


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(document: Mapping[str, object], name: str) -> Path:
    directory = spool_dir()
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / f"{name}.json"
    partial = directory / f"{name}.part"
    with partial.open("w", encoding="utf-8") as handle:
        handle.write(canonical(document).decode() + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    partial.rename(final)
    _fsync_directory(directory)
    return final


def spool(
    *,
    action: str,
    target: str = "",
    status: str = "executed",
    details: Mapping[str, object] | None = None,
    actor: Actor | None = None,
) -> Path:
    """Keep a record on disk, fsynced, when the database cannot take it. Needs no database. Raises OSError."""
    spool_id = uuid.uuid4()
    document = {
        "spool_id": str(spool_id),
        "at": iso(datetime.now(UTC)),
        "action": action,
        "target": target,
        "status": RecordStatus(status).value,
        "details": plain(details or {}),
        "actor": plain(asdict(actor or current_actor())),
    }
    document["mac"] = _mac(document)
    return _write(document, f"{time.time_ns():020d}-{spool_id}")


def _draft(document: dict[str, object]) -> Draft:
    mac = str(document.pop("mac", ""))
    actor = document["actor"]
    details = document["details"]
    if not isinstance(actor, dict) or not isinstance(details, dict):
        raise TypeError("actor and details are objects")
    return Draft(
        action=str(document["action"]),
        target=str(document["target"]),
        status=RecordStatus(str(document["status"])).value,
        details={
            **details,
            "spooled": {"at": document["at"], "authentic": bool(mac) and hmac.compare_digest(mac, _mac(document))},
        },
        actor=Actor(**{str(name): str(value) for name, value in actor.items()}),
        spool_id=uuid.UUID(str(document["spool_id"])),
    )


def _ingest_one(path: Path) -> bool:
    item = _draft(json.loads(path.read_text(encoding="utf-8")))
    with transaction.atomic():
        known = AuditRecord.objects.filter(spool_id=item.spool_id).exists()
        if not known:
            append([item])
    path.unlink(missing_ok=True)
    return not known


def _set_aside(path: Path, error: Exception) -> None:
    path.rename(path.with_suffix(".bad"))
    alert(
        kind="audit_spool_unreadable",
        severity="critical",
        text=f"The spooled record {path.name} cannot be read ({error.__class__.__name__}) and was set aside",
    )


def spool_ingest() -> int:
    """Bring every spooled record into the chain, oldest first; how many were new."""
    count = 0
    for path in sorted(spool_dir().glob("*.json")):
        try:
            count += _ingest_one(path)
        except FileNotFoundError:
            continue  # another worker ingested it first
        except (ValueError, KeyError, TypeError) as error:
            _set_aside(path, error)
        except (DatabaseError, RecordingFailedError) as error:
            log.warning("audit_spool_kept", file=path.name, cause=error.__class__.__name__)
            break
    return count
