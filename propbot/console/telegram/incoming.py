"""What Telegram delivered, and whether it may be a command at all. Pure: no rows, no clock of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from telegram import Message, Update

LONGEST_AGE = timedelta(seconds=60)
LONGEST_AHEAD = timedelta(seconds=60)
LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Incoming:
    """One update, reduced to what decides. ``kind`` is "message" only for a new, direct message of a person."""

    update_id: int
    kind: str
    chat_id: int | None
    sender_id: int | None
    text: str
    sent_at: datetime | None


def _message_kind(message: Message) -> str:
    """A message may carry somebody else's words: forwarded, quoted through a bot, or sent for a channel."""
    if message.forward_origin is not None:
        return "forwarded"
    if message.via_bot is not None:
        return "via_bot"
    if message.sender_chat is not None:
        return "sender_chat"
    if message.from_user is None or message.from_user.is_bot:
        return "no_person"
    return "message"


def _update_kind(update: Update) -> str:
    if update.message is not None:
        return _message_kind(update.message)
    fields = ("edited_message", "channel_post", "edited_channel_post", "inline_query", "callback_query")
    return next((name for name in fields if getattr(update, name) is not None), "other")


def incoming_of(update: Update) -> Incoming:
    message, user, chat = update.message, update.effective_user, update.effective_chat
    return Incoming(
        update_id=update.update_id,
        kind=_update_kind(update),
        chat_id=chat.id if chat else None,
        sender_id=user.id if user else None,
        text=(message.text or "") if message else "",
        sent_at=message.date if message else None,
    )


def refusal_of(incoming: Incoming, *, chat_id: int, now: datetime) -> str | None:
    """Why it is no command for us: ``kind``, ``chat``, ``age`` or ``length``; None when it may be one.

    Numbers only: names and usernames can be changed by whoever bears them (RELIABILITY H21).
    """
    if incoming.kind != "message" or incoming.sender_id is None or incoming.sent_at is None:
        return "kind"
    if incoming.chat_id != chat_id:
        return "chat"
    if not -LONGEST_AHEAD <= now - incoming.sent_at <= LONGEST_AGE:
        return "age"
    return "length" if len(incoming.text) > LONGEST_TEXT else None


def command_of(text: str) -> tuple[str, str] | None:
    """``/hold@PropBot funding reset`` is ("hold", "funding reset"); None for ordinary talk."""
    if not text.startswith("/"):
        return None
    head, _, rest = text[1:].partition(" ")
    name = head.partition("@")[0].lower()
    return (name, rest.strip()) if name.isascii() and name.replace("_", "").isalnum() else None
