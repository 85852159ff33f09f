"""Are the database's own guards of law 3 in force? Asked at every start of the trader (RELIABILITY F16)."""

from django.db import connection

GUARDS = (
    ("risk_deskstate", "risk_desk_guard"),
    ("risk_deskstate", "risk_desk_begins_stopped"),
    ("risk_deskstate", "risk_desk_stays"),
    ("risk_autopilotdecision", "risk_autopilot_stamp"),
    ("risk_autopilotdecision", "risk_autopilot_final"),
    ("approvals_approvalexecution", "execution_new"),
    ("approvals_approvalrequest", "approvals_move"),
)
ENABLED = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
"""


class GuardsMissingError(RuntimeError):
    """A trigger that keeps the desk stopped is gone or switched off: nothing may trade on this database."""


def guards_missing() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(ENABLED)
        found = set(cursor.fetchall())
    return [f"{table}.{name}" for table, name in GUARDS if (table, name) not in found]


def guards_assert() -> None:
    missing = guards_missing()
    if missing:
        raise GuardsMissingError(f"triggers are missing or disabled: {', '.join(missing)}; run migrate, find out who")
