"""The HOLD file beside the data: the stop that needs neither database nor Redis (law 1).

A file that cannot be read counts as standing. It is written before the row and removed only after the
commit of the approved resume of the very HOLD that it names; one that names no HOLD yet is never removed
by a release, for another HOLD is on its way.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

NAME = "HOLD"
LOCK_WAIT_SECONDS = 0.2


def path() -> Path:
    return Path(settings.DATA_DIR) / NAME


def present() -> bool:
    """Whether openings are blocked by the file; also true when that cannot be told."""
    try:
        os.lstat(path())
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def read() -> dict[str, Any] | None:
    """What the file says; None without a file, and an empty table for one that cannot be parsed."""
    try:
        document = json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _lock() -> Iterator[None]:
    """Keeps a release from removing the file that a newer HOLD has just put. HOLD itself never waits long for it."""
    descriptor = os.open(path().with_name("HOLD.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.002)
        yield
    finally:
        os.close(descriptor)


def write(*, reason: str, source: str, hold_id: int | None, at: datetime, durable: bool = True) -> None:
    """Put the file. ``hold_id`` is None until the row has given the HOLD its number.

    Only the first writing has to be ``durable``: it is the stop. The number is added without another fsync; a crash
    in between leaves a file without one, which blocks all the same.
    """
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    document = {"reason": reason, "source": source, "hold_id": hold_id, "at": at.isoformat()}
    partial = target.with_name(f"HOLD.{os.getpid()}.{time.monotonic_ns()}.part")
    with _lock():
        with partial.open("w", encoding="utf-8") as handle:
            json.dump(document, handle)
            handle.flush()
            if durable:
                os.fsync(handle.fileno())
        partial.replace(target)
        if durable:
            _fsync_directory(target.parent)


def remove(*, hold_id: int) -> bool:
    """Take the file of that HOLD away after its approved release; False when another one stands or none."""
    with _lock():
        document = read()
        if document is None or document.get("hold_id") != hold_id:
            return False
        path().unlink(missing_ok=True)
        _fsync_directory(path().parent)
    return True
