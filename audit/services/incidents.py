"""Incident bundles: what the desk knew when it stopped itself, sealed so that it can be proven elsewhere.

A bundle is a directory under ``DATA_DIR/incidents``: documents, the stretch of the audit trail that led there, the
newest checkpoints, and a signed manifest with the SHA-256 of each. ``tools/verify_incident_offline.py DIRECTORY`` proves
it without PropBot.
"""

import base64
import hashlib
import os
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from audit.canonical import canonical, iso
from audit.models import AuditRecord
from audit.services.checkpoints import checkpoints_path, public_key_text, signing_key

STRETCH = timedelta(minutes=30)
MOST_RECORDS = 5000
CHECKPOINT_LINES = 120
MANIFEST = "manifest.json"


def incidents_dir() -> Path:
    return Path(settings.DATA_DIR) / "incidents"


def bundle_exists(name: str) -> bool:
    return (incidents_dir() / name / MANIFEST).exists()


def audit_stretch(*, until_seq: int, at: datetime) -> bytes:
    """The records of the half hour before ``at`` up to ``until_seq``, as the export gives them."""
    rows = AuditRecord.objects.filter(seq__lte=until_seq, seq__gt=until_seq - MOST_RECORDS, at__gte=at - STRETCH)
    lines = (canonical({**row.hashed_fields(), "hash": row.hash}) for row in rows.order_by("seq"))
    return b"".join(line + b"\n" for line in lines)


def newest_checkpoints() -> bytes:
    path = checkpoints_path()
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return b"".join(lines[-CHECKPOINT_LINES:])


def manifest_of(name: str, files: Mapping[str, bytes], at: datetime) -> dict[str, object]:
    """Hashes of all files, signed where the desk has a signing key."""
    manifest: dict[str, object] = {
        "at": iso(at),
        "bundle": name,
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in sorted(files.items())},
    }
    key = signing_key()
    if key:
        signature = base64.b64encode(key.sign(canonical(manifest))).decode()
        manifest |= {"signature": signature, "public_key": public_key_text(key)}
    return manifest


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def bundle_write(*, name: str, files: Mapping[str, bytes], at: datetime) -> dict[str, object]:
    """Write the bundle whole: a crash leaves no directory under its name. The manifest; raises OSError.

    ``name`` and the files' names are made by the program, never by a caller from outside.
    """
    draft = incidents_dir() / f".{name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    manifest = manifest_of(name, files, at)
    for file, content in files.items():
        _write(draft / file, content)
    _write(draft / MANIFEST, canonical(manifest) + b"\n")
    draft.rename(incidents_dir() / name)
    return manifest
