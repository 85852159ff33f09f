"""Heartbeats, the beat's lease and its slots: single statements, on the database's clock."""

from django.db import connection

from propbot import build
from propbot.upkeep.likeness import config_figure, schema_figure

LEASE_SECONDS = 10
NOTE = """
INSERT INTO upkeep_heartbeat (name, beat_at, build, config, schema) VALUES (%s, clock_timestamp(), %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET beat_at = EXCLUDED.beat_at, build = EXCLUDED.build, config = EXCLUDED.config,
  schema = EXCLUDED.schema
"""
TAKE = """
INSERT INTO upkeep_beatlease AS lease (id, holder, expires_at)
VALUES (1, %s, clock_timestamp() + make_interval(secs => %s))
ON CONFLICT (id) DO UPDATE SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at
WHERE lease.holder = EXCLUDED.holder OR lease.expires_at < clock_timestamp()
RETURNING id
"""
RELEASE = "UPDATE upkeep_beatlease SET expires_at = clock_timestamp() WHERE id = 1 AND holder = %s"
CLAIM = "INSERT INTO upkeep_beatslot (task, slot) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id"
RAN = """
INSERT INTO upkeep_taskrun (name, ran_at, state, duration_ms, runs, failures)
VALUES (%(name)s, clock_timestamp(), %(state)s, %(duration)s, 1, %(failed)s)
ON CONFLICT (name) DO UPDATE SET ran_at = EXCLUDED.ran_at, state = EXCLUDED.state,
  duration_ms = EXCLUDED.duration_ms, runs = upkeep_taskrun.runs + 1,
  failures = upkeep_taskrun.failures + EXCLUDED.failures
"""
PRUNE = "DELETE FROM upkeep_beatslot WHERE sent_at < clock_timestamp() - make_interval(hours => %s)"


def _returned_a_row(statement: str, parameters: list[str | int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() is not None


def heartbeat_note(*, name: str) -> None:
    """Say that ``name`` is alive now."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [name, build.version(), config_figure(), schema_figure()])


def duty_note(*, name: str) -> None:
    """Say that a duty was done now by a command: it is no process, so its build and settings make nobody unlike."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [name, "", "", ""])


def beat_lease_take(*, holder: str) -> bool:
    """Take or renew the lease; False while another holder's lease runs."""
    return _returned_a_row(TAKE, [holder, LEASE_SECONDS])


def beat_lease_release(*, holder: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, [holder])


def beat_slot_claim(*, task: str, slot: int) -> bool:
    """True for the one beat that may send this tick."""
    return _returned_a_row(CLAIM, [task, slot])


def beat_slots_prune(*, older_than_hours: int = 2) -> int:
    with connection.cursor() as cursor:
        cursor.execute(PRUNE, [older_than_hours])
        pruned: int = cursor.rowcount
    return pruned


def task_run_note(*, name: str, state: str, duration_ms: int) -> None:
    """How a run of the schedule entry ``name`` ended; ``state`` is Celery's word for it."""
    failed = int(state == "FAILURE")
    with connection.cursor() as cursor:
        cursor.execute(RAN, {"name": name[:200], "state": state[:16], "duration": duration_ms, "failed": failed})
