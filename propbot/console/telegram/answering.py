"""From one delivered update to the answer: seen once, from the right chat and person, then the command.

Order matters: the row of the update is written before anything is done, so that a redelivery after a crash
finds it and does nothing. A command is never done twice; whoever gets no answer looks and asks again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connections

from approvals.models import Person
from approvals.roles import active_operators
from approvals.services.buckets import bucket_take
from audit.context import Actor, acting_as
from audit.services import record
from propbot.clock import utc_now
from propbot.config import values
from propbot.console.models import TelegramUpdate
from propbot.console.telegram import acting, reading
from propbot.console.telegram.incoming import Incoming, command_of, refusal_of
from propbot.errors import RecordingFailedError, RefusedError

log = structlog.get_logger(__name__)
KEPT = timedelta(hours=48)
COMMANDS_PER_MINUTE, COMMANDS_BURST = 20, 10
RECORDED_PER_MINUTE = 1
DARK = "The database does not answer: nothing was done. Stop with the HOLD file or manage.py panic."


@dataclass(frozen=True)
class Command:
    """``limited`` is false for what stops or reduces: no flood may stand before it."""

    act: Callable[[str], str]
    help: str
    limited: bool = True


def _reading(text: Callable[[], str], help_text: str) -> Command:
    return Command(lambda _: text(), help_text)


COMMANDS: Mapping[str, Command] = {
    "status": _reading(reading.status_text, "the state of the desk"),
    "positions": _reading(reading.positions_text, "open hedges"),
    "pnl": _reading(reading.pnl_text, "profit and loss, simulated apart"),
    "daily": _reading(reading.daily_text, "the day so far"),
    "liquidity": _reading(reading.liquidity_text, "the touch of each symbol, free balances"),
    "reconcile": _reading(reading.reconcile_text, "the last reconciliation and what differs"),
    "hold": Command(acting.hold, "REASON: stop the desk, at once", limited=False),
    "pause": Command(acting.hold, "REASON: the same as /hold", limited=False),
    "resume_request": Command(acting.ask_resume, "REASON: ask a second operator to clear HOLD"),
    "approve": Command(acting.approve, "what waits; REFERENCE CODE: approve exactly that"),
    "resume": Command(acting.run, "mode RUN, once HOLD and SAFE_MODE are off"),
    "kill": Command(acting.kill, "REASON: HOLD and SAFE_MODE now, ask to cancel every order", limited=False),
    "cancel_all": Command(acting.cancel_all, "REASON: HOLD, and ask to cancel every order", limited=False),
    "close": Command(acting.close, "HEDGE, or all: close reduce-only", limited=False),
    "raise_limit": Command(acting.raise_limit, "NAME VALUE REASON: ask to raise a limit"),
    "exit_dry_run": Command(acting.exit_dry_run, "REASON: ask to turn dry run off"),
    "help": Command(lambda _: help_text(), "this list"),
}


def help_text() -> str:
    return "\n".join(f"/{name} {command.help}" for name, command in COMMANDS.items())


def chat_id() -> int:
    """TELEGRAM_CHAT_ID; a chat is known by its number only."""
    return int(values().text("TELEGRAM_CHAT_ID"))


def answer(incoming: Incoming) -> str | None:
    """The text to send back; None where silence is right: strangers, redeliveries, old words, ordinary talk."""
    try:
        return _answer(incoming)
    except (DatabaseError, InterfaceError, RecordingFailedError) as error:
        log.warning("telegram_unanswered", update_id=incoming.update_id, cause=error.__class__.__name__)
        refused = refusal_of(incoming, chat_id=chat_id(), now=utc_now())
        return None if refused or command_of(incoming.text) is None else DARK
    finally:
        connections.close_all()  # commands are rare, their threads live long: nothing is kept that could go stale


def _answer(incoming: Incoming) -> str | None:
    row, is_new = TelegramUpdate.objects.get_or_create(
        update_id=incoming.update_id, defaults={"sender_id": incoming.sender_id}
    )
    if not is_new:
        log.info("telegram_redelivered", update_id=incoming.update_id)
        return None
    refused = refusal_of(incoming, chat_id=chat_id(), now=utc_now())
    if refused is not None:
        _refuse(row, incoming, refused)
        return None
    person = active_operators().filter(telegram_id=incoming.sender_id).first()
    if person is None:
        _refuse(row, incoming, "stranger")
        return None
    command = command_of(incoming.text)
    if command is None:
        return None
    with acting_as(_actor(person, incoming)):
        return _carry_out(person, *command)


def _actor(person: Person, incoming: Incoming) -> Actor:
    name = f"telegram-{incoming.update_id}"
    return Actor(person.name, str(person.pk), role="operator", channel="telegram", request_id=name)


def _refuse(row: TelegramUpdate, incoming: Incoming, why: str) -> None:
    """Silently towards the sender; recorded once a minute for each, so that a flood fills no audit."""
    TelegramUpdate.objects.filter(pk=row.pk).update(outcome=why)
    if command_of(incoming.text) is None and incoming.kind == "message":
        return
    if bucket_take(key=f"telegram-refused:{incoming.sender_id}", per_minute=RECORDED_PER_MINUTE, burst=1).allowed:
        actor = Actor(name="anonymous", channel="telegram", request_id=f"telegram-{incoming.update_id}")
        details = {"why": why, "kind": incoming.kind, "sender_id": incoming.sender_id, "chat_id": incoming.chat_id}
        record(action="telegram_refused", target=str(incoming.sender_id), status="denied", details=details, actor=actor)


def _carry_out(person: Person, name: str, text: str) -> str | None:
    command = COMMANDS.get(name)
    if command is None:
        return "No such command; /help lists them."
    if command.limited and not _within_rate(person):
        return None
    try:
        return command.act(text)
    except RefusedError as error:
        return f"Refused ({error.code}): {error.message}"


def _within_rate(person: Person) -> bool:
    taken = bucket_take(key=f"telegram:{person.pk}", per_minute=COMMANDS_PER_MINUTE, burst=COMMANDS_BURST)
    if not taken.allowed:
        log.info("telegram_flood", person=person.name)
    return taken.allowed


def forget_old_updates() -> int:
    """Telegram redelivers for 24 hours; twice that is kept."""
    count, _ = TelegramUpdate.objects.filter(seen_at__lt=utc_now() - KEPT).delete()
    return count
