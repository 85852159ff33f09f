"""Enroll a one-time-code device for a person."""

from argparse import ArgumentParser
from typing import Any

import qrcode
from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.services.people import person_named
from approvals.shell import administrator, command_of
from audit.services import audited, record


class Command(BaseCommand):
    help = "Enroll a TOTP device: from then on every decision of this person needs a code."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--person", required=True)
        parser.add_argument("--replace", action="store_true", help="drop the devices enrolled before")

    def handle(self, *args: Any, **options: Any) -> None:
        with command_of(administrator()):
            device = self._enroll(options["person"], options["replace"])
        code = qrcode.QRCode()
        code.add_data(device.config_url)
        code.print_ascii(out=self.stdout)
        self.stdout.write(device.config_url)

    @staticmethod
    def _enroll(name: str, replace: bool) -> TOTPDevice:
        person = person_named(name)
        account = person.accounts.select_related("user").order_by("linked_at").first()
        if account is None:
            raise CommandError(f"{name} has no account")
        enrolled = TOTPDevice.objects.filter(user__person_account__person=person)
        if enrolled.exists() and not replace:
            raise CommandError(f"{name} has enrolled already; --replace drops the old device")
        with audited():
            enrolled.delete()
            device = TOTPDevice.objects.create(user=account.user, name=person.name, confirmed=True)
            record(action="totp_enroll", target=person.name, details={"replaced": replace})
        return device
