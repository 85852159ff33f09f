"""Django's ``migrate`` without the timeouts of a serving process."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand

from propbot.upkeep.patience import patient


class Command(DjangoCommand):
    help = f"{DjangoCommand.help} The timeouts of serving processes do not apply."

    def handle(self, *args: Any, **options: Any) -> None:
        with patient(options["database"]):
            super().handle(*args, **options)
