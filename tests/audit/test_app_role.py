"""The application's database role can add to the trail and read it, and nothing else there."""

from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.services import record

pytestmark = pytest.mark.django_db(transaction=True)
ROLE = "propbot_app_of_the_tests"


@pytest.fixture
def app(monkeypatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("APP_ROLE_PASSWORD", "a-password-of-the-tests")
    record(action="look")
    call_command("create_app_role", "--name", ROLE)
    values = connection.settings_dict
    address = f"postgresql://{ROLE}:a-password-of-the-tests@{quote(values['HOST'], safe='')}:{values['PORT'] or 5432}"
    with psycopg.connect(f"{address}/{values['NAME']}", autocommit=True) as opened:
        yield opened
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}")
        cursor.execute(f"DROP ROLE {ROLE}")


def test_it_reads_the_trail_and_works_elsewhere(app: psycopg.Connection) -> None:
    row = app.execute("SELECT count(*) FROM audit_auditrecord").fetchone()
    assert row == (1,)
    app.execute("UPDATE approvals_tokenguard SET failures = 0")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditrecord SET person = 'mallory'",
        "DELETE FROM audit_auditrecord",
        "TRUNCATE audit_auditrecord",
        "ALTER TABLE audit_auditrecord DISABLE TRIGGER ALL",
        "DROP TABLE audit_auditrecord",
        "SET session_replication_role = replica",
        "DELETE FROM approvals_approvalrequest",
        "UPDATE approvals_approvalexecution SET txid = 0",
        "CREATE TABLE mine (a int)",
    ],
)
def test_it_may_not_touch_what_is_kept(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)):
        app.execute(statement)


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(CommandError, match="role name"):
        call_command("create_app_role", "--name", 'x"; DROP TABLE audit_auditrecord; --')
