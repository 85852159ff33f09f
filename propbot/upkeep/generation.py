"""The database's life and the file beside the data that names it: both must agree, or the database was exchanged."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from propbot.upkeep.models import Generation

NAME = "generation.json"


def generation_path() -> Path:
    return Path(settings.DATA_DIR) / NAME


def generation_now() -> Generation:
    """The newest life; a database that was emptied by hand begins one."""
    return Generation.objects.first() or Generation.objects.create(origin=Generation.Origin.INSTALLED)


def generation_begin(*, origin: Generation.Origin, **facts: Any) -> Generation:
    row = Generation.objects.create(origin=origin, **facts)
    row.refresh_from_db()
    return row


def generation_noted() -> str | None:
    """What the file says; None without a file, empty for one that cannot be read."""
    try:
        return str(json.loads(generation_path().read_text(encoding="utf-8"))["generation"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def generation_note(row: Generation) -> None:
    """Write the file, fsynced, replacing what stands there. Raises OSError."""
    path = generation_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{NAME}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"generation": str(row.pk), "origin": row.origin, "began_at": row.began_at.isoformat()}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
