"""How long ago everything that must be alive proved it."""

from django.db import connection

AGES = "SELECT name, extract(epoch FROM clock_timestamp() - beat_at) FROM upkeep_heartbeat"


def heartbeat_ages() -> dict[str, float]:
    """Seconds since the last heartbeat, by name: ``beat``, ``queue:ops``, ``queue:trading`` and who else notes one.

    A name that is missing has never been alive.
    """
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        return {name: max(0.0, float(age)) for name, age in cursor.fetchall()}
