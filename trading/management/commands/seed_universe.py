"""Allow the first symbols of an installation."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from propbot.errors import RefusedError
from trading.services.universe import universe_seed


class Command(BaseCommand):
    help = (
        "Allow symbols at installation: in the simulator profile, or while no symbol was ever decided upon. "
        "A symbol that operators have decided upon is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbols", nargs="+", metavar="SYMBOL", help="such as BTCUSDT")

    def handle(self, *args: object, symbols: list[str], **options: object) -> None:
        try:
            allowed = universe_seed(symbols=symbols)
        except RefusedError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"allowed: {', '.join(allowed)}" if allowed else "nothing to do")
