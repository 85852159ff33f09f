"""What the migrations left, restored after every transactional test; and the same for what one act left.

Django's flush truncates, which the audit's trigger refuses, and empties the tables that migrations
fill (groups, the desk row). Here a copy of every filled table is kept in a schema of its own; rows are
deleted with triggers off, as the owner, and the copies put back, by a function of that schema: its hundred statements
are planned once per connection.
"""

from collections.abc import Callable

from django.db import connection

SCHEMA, ACT_SCHEMA = "seed", "act"
# Django caches content type ids in the process: these rows must keep their numbers.
STANDING = ("django_migrations", "django_content_type", "auth_permission")
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT c.relispartition ORDER BY c.relname
"""
COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'
"""


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return [name for (name,) in cursor.fetchall() if name not in STANDING]


def _columns(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        return str(cursor.fetchone()[0])


def seed_keep() -> str:
    """Copy what is there now; the statement that restores it."""
    restore = []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for table in _tables():
            restore.append(f'DELETE FROM public."{table}"')
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM public."{table}")')
            if cursor.fetchone()[0]:
                cursor.execute(f'CREATE TABLE {SCHEMA}."{table}" AS TABLE public."{table}"')
                columns = _columns(table)
                restore.append(f'INSERT INTO public."{table}" ({columns}) SELECT {columns} FROM {SCHEMA}."{table}"')
    return _unwatched(SCHEMA, restore)


def _unwatched(schema: str, statements: list[str]) -> str:
    """The call of a function that performs them, deletions first, without triggers and foreign keys."""
    ordered = sorted(statements, key=lambda text: not text.startswith("DELETE"))
    watched, unwatched = (
        f"PERFORM set_config('session_replication_role', '{role}', true)" for role in ("origin", "replica")
    )
    body = ";\n".join((unwatched, *ordered, watched))
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION {schema}.put_back() RETURNS void LANGUAGE plpgsql AS $body$ BEGIN {body}; END $body$"
        )
    return f"SELECT {schema}.put_back()"


def seed_restore(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _digests() -> dict[str, str | None]:
    found = {}
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM public."{table}" t')
            found[table] = cursor.fetchone()[0]
    return found


def act_keep(act: Callable[[], object]) -> str:
    """Perform ``act`` once, committed; the statement that leaves the same rows in the tables it changed."""
    before = _digests()
    act()
    changed = [table for table, digest in _digests().items() if digest != before[table]]
    repeat = []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {ACT_SCHEMA} CASCADE; CREATE SCHEMA {ACT_SCHEMA}")
        for table in changed:
            cursor.execute(f'CREATE TABLE {ACT_SCHEMA}."{table}" AS TABLE public."{table}"')
            columns = _columns(table)
            repeat += [
                f'DELETE FROM public."{table}"',
                f'INSERT INTO public."{table}" ({columns}) SELECT {columns} FROM {ACT_SCHEMA}."{table}"',
            ]
    return _unwatched(ACT_SCHEMA, repeat)
