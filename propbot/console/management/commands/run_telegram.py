import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from telegram.error import InvalidToken

from propbot.checks import start_process
from propbot.config import values
from propbot.console.telegram.bot import serve


class Command(BaseCommand):
    help = "Run the Telegram bot: commands of linked operators in the one chat, and a regular status message."

    def handle(self, *args: Any, **options: Any) -> None:
        start_process()
        if not values().flag("TELEGRAM_ENABLE"):
            raise CommandError("TELEGRAM_ENABLE is off; set it with TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID")
        if not values().text("TELEGRAM_CHAT_ID").lstrip("-").isdigit():
            raise CommandError("TELEGRAM_CHAT_ID is not a chat's number: names can change hands, numbers cannot")
        try:
            asyncio.run(serve())
        except InvalidToken:
            raise CommandError("Telegram does not know TELEGRAM_BOT_TOKEN") from None
