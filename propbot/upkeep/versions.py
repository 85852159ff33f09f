"""Whether the database's schema is the one this build was made for (RELIABILITY D9)."""

from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader

OWN_APPS = frozenset({"upkeep", "audit", "approvals", "risk", "trading", "console"})


def schema_trouble() -> str | None:
    """Why this build must not serve on this schema, or None.

    A database that does not answer is no answer: the process waits for it like for any other service. Asked in a
    thread, because a server loads its application inside an event loop, where Django refuses to ask.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_trouble).result()


def _trouble() -> str | None:
    try:
        loader = MigrationLoader(connection, ignore_no_migrations=True)
    except (DatabaseError, InterfaceError):
        connection.close()
        return None
    applied = {key for key in loader.applied_migrations if key[0] in OWN_APPS}
    known = {key for key in loader.disk_migrations if key[0] in OWN_APPS}
    connection.close()
    if missing := sorted(known - applied):
        return f"the schema is older than this build: {_named(missing)} not applied"
    if unknown := sorted(applied - known):
        return f"the schema is newer than this build: {_named(unknown)} unknown to it"
    return None


def _named(keys: list[tuple[str, str]]) -> str:
    first = ".".join(keys[0])
    return f"{first} is" if len(keys) == 1 else f"{first} and {len(keys) - 1} more are"
