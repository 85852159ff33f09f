"""An application database role that can add to the audit trail and read it, and nothing else there."""

import os
import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from psycopg import sql

ROLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
PASSWORD_VARIABLE = "APP_ROLE_PASSWORD"  # noqa: S105 - the name of a variable
APPEND_ONLY = ("audit_auditrecord", "approvals_approvalexecution")


def _statements(role: str, password: str, database: str) -> list[sql.Composed]:
    name, base = sql.Identifier(role), sql.Identifier(database)
    create = sql.SQL(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {literal}) "
        "THEN CREATE ROLE {name} LOGIN; END IF; END $$"
    ).format(literal=sql.Literal(role), name=name)
    grants = [
        "ALTER ROLE {name} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
        "GRANT CONNECT ON DATABASE {base} TO {name}",
        "GRANT USAGE ON SCHEMA public TO {name}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        "REVOKE DELETE ON approvals_approvalrequest FROM {name}",
    ]
    made = [create, *(sql.SQL(text).format(name=name, base=base) for text in grants)]
    for table in APPEND_ONLY:
        revoke = sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES ON {table} FROM {name}")
        made.append(revoke.format(table=sql.Identifier(table), name=name))
    if password:
        made.append(sql.SQL("ALTER ROLE {name} PASSWORD {word}").format(name=name, word=sql.Literal(password)))
    return made


class Command(BaseCommand):
    help = (
        "Make or renew the role that the processes connect with: it reads and extends the audit trail only. "
        f"Run it as the owner after each migrate; the password comes from {PASSWORD_VARIABLE}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default="propbot_app")

    def handle(self, *args: Any, **options: Any) -> None:
        role = options["name"]
        if not ROLE_NAME.fullmatch(role):
            raise CommandError("a role name is a-z, 0-9 and underscore, and begins with a letter")
        database = str(connection.settings_dict["NAME"])
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in _statements(role, os.environ.get(PASSWORD_VARIABLE, ""), database):
                    cursor.execute(statement)
        except DatabaseError as error:
            raise CommandError(f"the database refused ({error.__class__.__name__}): run it as the owner") from error
        self.stdout.write(f"{role}: may add to the audit trail and read it, not change it")
