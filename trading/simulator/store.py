"""Durable accounts: one SQLite file under DATA_DIR/simulator, committed before an answer leaves.

WAL with synchronous=NORMAL: a commit is in the operating system's hands when it returns and survives `kill -9`
of the simulator. Only a power cut may lose the last commits, and a simulator's machine is not the thing under test.
"""

import dataclasses
import json
import sqlite3
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Row = TypeVar("Row")
SCHEMA = "CREATE TABLE IF NOT EXISTS rows (kind TEXT, venue TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, venue, key)) WITHOUT ROWID"


def encoded(row: Any) -> str:
    """A dataclass as JSON; decimals become text."""
    return json.dumps({item.name: getattr(row, item.name) for item in dataclasses.fields(row)}, default=_encode)


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    raise TypeError(f"no encoding for {type(value).__name__}")


def decoded(kind: type[Row], body: str) -> Row:
    """The dataclass back from its JSON."""
    values, hints = json.loads(body), get_type_hints(kind)
    return kind(**{name: _decode(hints[name], value) for name, value in values.items() if name in hints})


def _decode(hint: Any, value: Any) -> Any:
    if get_origin(hint) is types.UnionType:
        return None if value is None else _decode(get_args(hint)[0], value)
    return Decimal(value) if hint is Decimal else value


class Store:
    """Rows of one kind and venue, keyed; `put` buffers until `commit`."""

    def __init__(self, folder: Path, fresh: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if fresh:
            for name in ("simulator.sqlite3", "simulator.sqlite3-wal", "simulator.sqlite3-shm"):
                (folder / name).unlink(missing_ok=True)
        self._database = sqlite3.connect(folder / "simulator.sqlite3", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(SCHEMA)
        self._pending: dict[tuple[str, str, str], Any] = {}

    def put(self, kind: str, venue: str, key: str, row: Any) -> None:
        self._pending[(kind, venue, key)] = row

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def commit(self) -> None:
        """Writes all pending rows in one transaction; nothing is answered before it returns."""
        if not self._pending:
            return
        rows = [(*key, encoded(row)) for key, row in self._pending.items()]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", rows
        )
        self._database.execute("COMMIT")
        self._pending.clear()

    def read(self, kind: str, venue: str, row: type[Row]) -> Iterator[tuple[str, Row]]:
        query = "SELECT key, body FROM rows WHERE kind = ? AND venue = ? ORDER BY CAST(key AS INTEGER), key"
        for key, body in self._database.execute(query, (kind, venue)):
            yield key, decoded(row, body)

    def close(self) -> None:
        self.commit()
        self._database.close()
