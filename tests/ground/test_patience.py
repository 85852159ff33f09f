"""Preparing a desk is given time; serving is not (RELIABILITY S4)."""

import pytest
from django.core.management import call_command
from django.db import connection

from propbot.upkeep.patience import patient

NAMES = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")
pytestmark = pytest.mark.django_db(transaction=True)


def timeouts() -> list[str]:
    with connection.cursor() as cursor:
        found = []
        for name in NAMES:
            cursor.execute(f"SHOW {name}")
            found.append(cursor.fetchone()[0])
    return found


def test_inside_nothing_is_cut_off_and_afterwards_everything_is_again() -> None:
    before = timeouts()
    with patient():
        assert timeouts() == ["0", "0", "10s"]
    assert timeouts() == before != ["0", "0", "10s"]


def test_what_fails_inside_leaves_no_patience_behind() -> None:
    before = timeouts()
    with pytest.raises(RuntimeError), patient():
        raise RuntimeError("a migration that fails")
    assert timeouts() == before


def test_migrate_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(
        "django.core.management.commands.migrate.Command.handle", lambda *_, **__: seen.append(timeouts())
    )
    call_command("migrate", verbosity=0)
    assert seen == [["0", "0", "10s"]]
