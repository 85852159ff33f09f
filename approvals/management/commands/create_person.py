"""Create a person. With operators at work this is a request that a second one approves."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.choices import Role
from approvals.roles import active_operators
from approvals.services import approval_request
from approvals.services.people import person_create
from approvals.shell import administrator, command_of, token_holder

ENOUGH = 2


class Command(BaseCommand):
    help = "Create a viewer, auditor or operator (a guarded action once two operators exist)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", default=None, help="only while there are not two operators yet")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        role = Role(options["role"])
        if active_operators().count() >= ENOUGH:
            self._ask(options, role)
        else:
            self._create(options, role)

    def _create(self, options: dict[str, Any], role: Role) -> None:
        if role is Role.OPERATOR:
            raise CommandError("the first two operators come from manage.py bootstrap_operators")
        with command_of(administrator()):
            person_create(name=options["name"], role=role, password=options["password"])
        self.stdout.write(f"created {options['name']} as {role.value}")

    def _ask(self, options: dict[str, Any], role: Role) -> None:
        if options["password"]:
            raise CommandError("no password in a request; set one after the approval: manage.py changepassword NAME")
        payload = {"person": options["name"], "role": role.value}
        with command_of(token_holder()):
            asked = approval_request(
                action="person_create", target=options["name"], payload=payload, reason=options["reason"]
            )
        self.stdout.write(f"asked as {asked.pk}: another operator has until {asked.expires_at:%H:%M:%S} UTC to approve")
