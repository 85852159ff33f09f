"""The Telegram bot against a stand-in of the Bot API over HTTP: who may, what happens, and only once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.models import ApprovalRequest, Person
from audit.models import AuditRecord
from propbot.console.models import TelegramUpdate
from propbot.console.telegram.bot import Bot
from risk.models import DeskState
from tests.access.people import APPROVE_TOKEN, Cast, Member
from tests.console.telegram_standin import CHAT, TOKEN, BotApi, started

pytestmark = pytest.mark.django_db(transaction=True)

ALICE, BOB, VERA, STRANGER = 501, 502, 503, 666


@pytest.fixture
def desk(cast: Cast, settings: Any) -> Cast:
    for who, number in ((cast.alice, ALICE), (cast.bob, BOB), (cast.vera, VERA)):
        Person.objects.filter(pk=who.person.pk).update(telegram_id=number)
    settings.PROPBOT = settings.PROPBOT.replace(
        TELEGRAM_ENABLE=True, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_CHAT_ID=str(CHAT), TELEGRAM_API_BASE=""
    )
    return cast


@asynccontextmanager
async def running(settings: Any, *, push_seconds: float = 3600, api: BotApi | None = None) -> AsyncIterator[BotApi]:
    """The bot and the stand-in, in one loop, over HTTP."""
    api = api or BotApi()
    server = await started(api)
    settings.PROPBOT = settings.PROPBOT.replace(TELEGRAM_API_BASE=api.url)
    bot = Bot(push_seconds=push_seconds)
    task = asyncio.create_task(bot.run())
    try:
        yield api
    finally:
        bot.stop()
        await asyncio.wait_for(task, 10)
        await server.cleanup()


async def rows(read: Callable[[], Any]) -> Any:
    """Read in a thread that leaves no connection behind."""

    def act() -> Any:
        try:
            return read()
        finally:
            connections.close_all()

    return await sync_to_async(act, thread_sensitive=False)()


def hold_id() -> int:
    return DeskState.objects.get(pk=1).hold_id


def code_of(member: Member) -> str:
    device = TOTPDevice.objects.filter(user=member.user).first() or TOTPDevice.objects.create(
        user=member.user, name="phone", confirmed=True
    )
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token():06d}"


async def test_alice_holds_asks_and_bob_approves_with_a_code(desk: Cast, settings: Any) -> None:
    before = await rows(hold_id)
    async with running(settings) as api:
        api.say("/hold funding reset", sender=ALICE)
        assert f"HOLD #{before + 1} stands" in await api.reply("stands")
        api.say("/resume_request quiet again", sender=ALICE)
        assert "Awaiting second confirmation" in await api.reply("Asked:")
        api.say("/approve", sender=BOB)
        listed = await api.reply("Use /approve REFERENCE CODE")
        reference = listed.split(":")[0]
        api.say(f"/approve {reference} {await rows(lambda: code_of(desk.alice))}", sender=ALICE)
        await api.reply("Refused (same_person)")
        assert (await rows(lambda: DeskState.objects.get(pk=1).hold_active)) is True
        api.say(f"/approve {reference} {await rows(lambda: code_of(desk.bob))}", sender=BOB)
        await api.reply("Approved and done")
    assert (await rows(lambda: DeskState.objects.get(pk=1).hold_active)) is False
    channels = await rows(lambda: set(AuditRecord.objects.filter(person="bob").values_list("channel", flat=True)))
    assert channels == {"telegram"}
    assert all(row["chat_id"] == CHAT for row in api.sent)


async def test_the_approve_token_in_the_chat_approves_nothing(desk: Cast, settings: Any) -> None:
    await rows(lambda: code_of(desk.bob))
    async with running(settings) as api:
        api.say("/hold funding reset", sender=ALICE)
        await api.reply("stands")
        api.say("/resume_request quiet again", sender=ALICE)
        await api.reply("Asked:")
        api.say("/approve", sender=BOB)
        reference = (await api.reply("Use /approve REFERENCE CODE")).split(":")[0]
        api.say(f"/approve {reference} {APPROVE_TOKEN}", sender=BOB)
        await api.reply("Refused (bad_otp)")
    assert (await rows(lambda: ApprovalRequest.objects.get().status)) == "pending"
    assert APPROVE_TOKEN not in str(await rows(lambda: list(AuditRecord.objects.values_list("details", flat=True))))
    assert APPROVE_TOKEN not in str(api.sent)


async def test_an_update_that_comes_three_times_is_done_once(desk: Cast, settings: Any) -> None:
    before = await rows(hold_id)
    async with running(settings) as api:
        api.redeliver = True
        number = api.say("/hold funding reset", sender=ALICE)
        await api.reply("stands")
        await api.confirmed(number)
        for _ in range(3):
            api.changed.clear()
            await asyncio.wait_for(api.changed.wait(), 5)
    assert (await rows(hold_id)) == before + 1
    assert (await rows(TelegramUpdate.objects.count)) == 1


@pytest.mark.parametrize("age", [61, 3600, -120])
async def test_old_or_future_words_are_not_obeyed(desk: Cast, settings: Any, age: float) -> None:
    before = await rows(hold_id)
    async with running(settings) as api:
        await api.confirmed(api.say("/hold funding reset", sender=ALICE, age=age))
    assert (await rows(hold_id)) == before
    assert (await rows(lambda: TelegramUpdate.objects.get().outcome)) == "age"


def crooked(api: BotApi, kind: str) -> int:
    """A command that looks like alice's and is not a new, direct message of hers in the chat."""
    user = {"id": ALICE, "is_bot": False, "first_name": "Alice"}
    text = "/hold funding reset"
    message = api.message(text, sender=ALICE)
    updates: dict[str, dict[str, Any]] = {
        "other chat": {"message": api.message(text, sender=ALICE, chat=-1007654321)},
        "private chat": {"message": api.message(text, sender=ALICE, chat=ALICE)},
        "stranger": {"message": api.message(text, sender=STRANGER)},
        "viewer": {"message": api.message(text, sender=VERA)},
        "forwarded": {"message": {**message, "forward_origin": {"type": "user", "date": 1, "sender_user": user}}},
        "edited": {"edited_message": {**message, "edit_date": message["date"]}},
        "channel post": {"channel_post": {**message, "from": None, "sender_chat": message["chat"]}},
        "anonymous admin": {"message": {**message, "sender_chat": message["chat"]}},
        "via bot": {
            "message": {**message, "via_bot": {"id": 9, "is_bot": True, "first_name": "B", "username": "b_bot"}}
        },
        "bot": {"message": {**message, "from": {**user, "is_bot": True}}},
        "inline": {"inline_query": {"id": "1", "from": user, "query": text, "offset": ""}},
        "callback": {"callback_query": {"id": "1", "from": user, "chat_instance": "1", "data": text}},
    }
    return api.deliver(updates[kind])


KINDS = (
    "other chat|private chat|stranger|viewer|forwarded|edited|channel post|anonymous admin|via bot|bot|inline|callback"
)


@pytest.mark.parametrize("kind", KINDS.split("|"))
async def test_what_is_not_a_direct_message_of_an_operator_here_does_nothing(
    desk: Cast, settings: Any, kind: str
) -> None:
    before = await rows(hold_id)
    async with running(settings) as api:
        await api.reply("audit:")  # the status message of the start
        await api.confirmed(crooked(api, kind))
        api.say("/help", sender=BOB)
        await api.reply("/exit_dry_run")
    assert (await rows(hold_id)) == before
    assert len(api.sent) == 2
    refused = await rows(lambda: AuditRecord.objects.filter(action="telegram_refused", status="denied").count())
    assert refused == 1


async def test_every_command_answers_an_operator(desk: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace of the answers is another test's subject."""
    monkeypatch.setattr("propbot.console.telegram.outbox.BURST", 100)
    async with running(settings, api=BotApi()) as api:
        for word, answer in (
            ("/status", "overall"),
            ("/positions", "No hedge is open."),
            ("/pnl", "realized today"),
            ("/daily", "opened"),
            ("/liquidity", "no data"),
            ("/reconcile", "No reconciliation round"),
            ("/pause lunch", "stands"),
            ("/resume", "Refused (hold_active)"),
            ("/exit_dry_run real orders", "Refused (hold_active)"),
            ("/raise_limit max_total_notional_usdt 120000 more capital", "Asked: Raise"),
            ("/raise_limit max_total_notional_usdt 1e99", "Refused (invalid_number)"),
            ("/close", "Refused (usage)"),
            ("/close 00000000", "Refused (unknown_position)"),
            ("/kill at once", "Kill switch"),
            ("/cancel_all@propbot_test_bot now", "Cancel every open order on every venue\nAwaiting"),
            ("/nonsense", "No such command"),
        ):
            api.sent.clear()
            api.say(word, sender=ALICE)
            await api.reply(answer, seconds=20)


async def test_a_flood_is_answered_in_digests_and_holds_are_never_left_out(desk: Cast, settings: Any) -> None:
    before = await rows(hold_id)
    async with running(settings) as api:
        await api.reply("audit:")
        api.limits = [1]
        for _ in range(30):
            api.say("/positions", sender=ALICE)
        await api.confirmed(api.say("/hold enough", sender=BOB))
        await api.reply(f"HOLD #{before + 1} stands", seconds=20)
    assert (await rows(hold_id)) == before + 1
    assert len(api.sent) < 12
    assert any("held back and sent together" in row["text"] for row in api.sent)


async def test_a_telegram_that_is_away_at_the_start_is_asked_again(desk: Cast, settings: Any) -> None:
    async with running(settings, api=BotApi(failures=2)) as api:
        assert "audit:" in await api.reply("overall", seconds=20)


async def test_the_status_is_pushed_again_and_again(desk: Cast, settings: Any) -> None:
    async with running(settings, push_seconds=0.3) as api:
        async with asyncio.timeout(10):
            while len(api.sent) < 3:
                api.changed.clear()
                await api.changed.wait()
    assert all("overall" in row["text"] for row in api.sent[:3])
