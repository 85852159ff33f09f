"""Every table of the database as COPY text, out of one snapshot and back in one transaction.

No pg_dump is needed, so image, workstation and embedded database are backed up alike and a backup of PostgreSQL 15
opens on 18. The schema is not in it: it comes from the migrations of the same build, which the manifest names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import sql

from propbot.upkeep.backup.cipher import BackupError

# The migrations' own table says what the build has made; it is compared, never overwritten.
KEPT = "django_migrations"
# What another process holds for a moment and means nothing afterwards.
TABLES = """
SELECT c.relname, c.relkind = 'p' FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.relname
"""
COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
SEQUENCES = """
SELECT t.relname, a.attname, s.oid::regclass::text
  FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
  JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE s.relkind = 'S' AND t.relnamespace = current_schema()::regnamespace ORDER BY 3
"""
TRIGGERS = """
SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace AND t.tgenabled <> 'D'
"""
ENABLE = {"O": "ENABLE TRIGGER", "A": "ENABLE ALWAYS TRIGGER", "R": "ENABLE REPLICA TRIGGER"}
LONG_WORK = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '10s'",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[str, ...]

    @property
    def copied(self) -> sql.Composed:
        names = sql.SQL(", ").join(sql.Identifier(column) for column in self.columns)
        return sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(self.name))


def long_work() -> None:
    """Take this transaction out of the short limits that everyday work has."""
    with connection.cursor() as cursor:
        for statement in LONG_WORK:
            cursor.execute(statement)


def tables_now() -> list[Table]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        names = [str(name) for name, _ in cursor.fetchall() if name != KEPT]
        found = []
        for name in names:
            cursor.execute(COLUMNS, [name])
            found.append(Table(name, tuple(str(column) for (column,) in cursor.fetchall())))
    return found


def migrations_now() -> list[str]:
    """The applied migrations as ``app.name``: the schema that a backup belongs to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted({f"{app}.{name}" for app, name in cursor.fetchall()})


def rows_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        return int(cursor.fetchone()[0])


def copy_out(table: Table) -> Iterator[bytes]:
    statement = sql.SQL("COPY ({}) TO STDOUT").format(table.copied)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in copy:
            yield bytes(part)


def copy_in(table: Table, parts: Iterator[bytes]) -> None:
    names = sql.SQL(", ").join(sql.Identifier(column) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in parts:
            copy.write(part)


def sequences_now() -> list[dict[str, Any]]:
    """Where every column's sequence stands, so that no number is given twice after a restore."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(SEQUENCES)
        for table, column, sequence in cursor.fetchall():
            cursor.execute(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - the catalogue quoted it
            last, called = cursor.fetchone()
            found.append({"table": table, "column": column, "last": last, "called": called})
    return found


def sequences_set(rows: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        for row in rows:
            place = [f'"{row["table"]}"', row["column"], row["last"], row["called"]]
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)", place)


def triggers_now() -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        return [(str(table), str(name), str(state)) for table, name, state in cursor.fetchall()]


def triggers_off(triggers: list[tuple[str, str, str]]) -> None:
    """As the owner, in this transaction alone: a rollback brings them back, and ``triggers_on`` does before the commit."""
    _alter(triggers, lambda _: "DISABLE TRIGGER")


def triggers_on(triggers: list[tuple[str, str, str]]) -> None:
    """First every deferred foreign key is checked: rows that point nowhere end the restore."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _alter(triggers, lambda state: ENABLE[state])
    if sorted(triggers_now()) != sorted(triggers):
        raise BackupError("the database's own guards did not come back as they were")


def _alter(triggers: list[tuple[str, str, str]], words: Any) -> None:
    with connection.cursor() as cursor:
        for table, name, state in triggers:
            statement = sql.SQL(f"ALTER TABLE {{}} {words(state)} {{}}")
            cursor.execute(statement.format(sql.Identifier(table), sql.Identifier(name)))


def empty(tables: list[Table]) -> None:
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {}").format(names))
