"""/ws/status: who may listen, what arrives, and when the socket ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from approvals.services.people import person_deactivate
from propbot.asgi import application
from propbot.console import consumers
from propbot.console.hub import BUFFERED_MESSAGES, StatusHub
from propbot.console.hub import Client as Mailbox
from propbot.console.sights import SIGHTS
from risk.services.hold import hold_engage
from tests.access.people import Cast, Member, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = b"http://localhost"


@pytest.fixture(autouse=True)
async def silence() -> AsyncIterator[None]:
    """The publisher ends with its last client; then the thread that read for it gives its connection back."""
    yield
    publishing = consumers.hub._task
    if publishing is not None:
        consumers.hub._clients.clear()
        await publishing
        consumers.hub._task = None
    await SIGHTS.close()
    await database_sync_to_async(connections.close_all)()


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


def socket(headers: list[tuple[bytes, bytes]]) -> Any:
    return WebsocketCommunicator(application, "/ws/status", headers=headers)


def bearer(member: Member, origin: bytes | None = ORIGIN) -> list[tuple[bytes, bytes]]:
    named = [(b"authorization", f"Bearer {member.token}".encode())]
    return named if origin is None else [*named, (b"origin", origin)]


@asynccontextmanager
async def listening(headers: list[tuple[bytes, bytes]]) -> AsyncIterator[Any]:
    found = socket(headers)
    connected, _ = await found.connect(timeout=10)
    assert connected
    try:
        yield found
    finally:
        await found.disconnect()


async def until(found: Any, kind: str, seconds: float = 10) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            message = await found.receive_json_from(timeout=seconds)
            if message["type"] == kind:
                return message


@pytest.mark.parametrize("origin", [None, b"null", b"https://evil.example", b"http://localhost.evil.example", b""])
async def test_a_missing_or_foreign_origin_is_refused(people: Cast, origin: bytes | None) -> None:
    connected, _ = await socket(bearer(people.vera, origin)).connect(timeout=10)
    assert not connected


async def closed_with(headers: list[tuple[bytes, bytes]]) -> int:
    found = socket(headers)
    await found.connect(timeout=10)
    message = await found.receive_output(timeout=10)
    assert message["type"] == "websocket.close"
    return int(message["code"])


async def test_a_stranger_and_a_bad_token_are_closed_with_4401(people: Cast) -> None:
    assert await closed_with([(b"origin", ORIGIN)]) == 4401
    assert await closed_with([(b"origin", ORIGIN), (b"authorization", b"Bearer nonsense")]) == 4401


async def test_a_snapshot_comes_first_and_a_hold_follows_within_a_second(people: Cast) -> None:
    async with listening(bearer(people.vera)) as found:
        first = await found.receive_json_from(timeout=10)
        assert first["type"] == "snapshot"
        assert first["status"]["hold_active"] is True
        await database_sync_to_async(stop)(people.alice, "funding reset")
        change = await until(found, "change", 1.0)
        assert change["seq"] == first["seq"] + 1
        assert change["hold_id"] > first["hold_id"]
        assert change["status"]["line"].startswith("Stopped by alice")


def stop(member: Member, reason: str) -> None:
    with member.acting():
        hold_engage(reason=reason, source=member.person.name)


async def test_a_session_of_the_site_may_listen(people: Cast) -> None:
    client = Client()
    await database_sync_to_async(client.force_login)(people.vera.user, "django.contrib.auth.backends.ModelBackend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()
    async with listening([(b"origin", ORIGIN), (b"cookie", cookie)]) as found:
        assert (await found.receive_json_from(timeout=10))["type"] == "snapshot"


async def test_who_loses_the_role_loses_the_feed(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers.StatusConsumer, "recheck_seconds", 0.1)
    async with listening(bearer(people.vera)) as found:
        await until(found, "snapshot")
        await database_sync_to_async(people.vera.user.groups.remove)(await database_sync_to_async(viewers)())
        assert await close_code(found) == 4401


def token_gone(who: Member) -> None:
    AuthToken.objects.filter(user=who.user).delete()


def token_over(who: Member) -> None:
    AuthToken.objects.filter(user=who.user).update(expiry=timezone.now())


def person_gone(who: Member) -> None:
    person_deactivate(person=who.person)


def account_off(who: Member) -> None:
    User.objects.filter(pk=who.user.pk).update(is_active=False)


@pytest.mark.parametrize("change", [token_gone, token_over, person_gone, account_off])
async def test_whose_token_or_account_ends_loses_the_feed(
    people: Cast, monkeypatch: pytest.MonkeyPatch, change: Callable[[Member], None]
) -> None:
    monkeypatch.setattr(consumers.StatusConsumer, "recheck_seconds", 0.1)
    async with listening(bearer(people.vera)) as found:
        await until(found, "snapshot")
        await database_sync_to_async(change)(people.vera)
        assert await close_code(found) == 4401
    assert await closed_with(bearer(people.vera)) == 4401


async def test_a_token_that_is_in_order_takes_no_thread(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> None:
        raise AssertionError("asked in a thread")

    for name in ("visitor_of", "visitor_still_allowed"):
        monkeypatch.setattr(consumers, name, never)
    monkeypatch.setattr(consumers.StatusConsumer, "recheck_seconds", 0.02)
    async with listening(bearer(people.vera)) as found:
        await until(found, "snapshot")
        await until(found, "heartbeat")


def logged_out(browser: Client, who: Member) -> None:
    browser.logout()


def password_changed(browser: Client, who: Member) -> None:
    user = User.objects.get(pk=who.user.pk)
    user.set_password("another-long-password")
    user.save()


@pytest.mark.parametrize("change", [logged_out, password_changed])
async def test_whose_session_ends_loses_the_feed(
    people: Cast, monkeypatch: pytest.MonkeyPatch, change: Callable[[Client, Member], None]
) -> None:
    monkeypatch.setattr(consumers.StatusConsumer, "recheck_seconds", 0.1)
    browser = Client()
    await database_sync_to_async(browser.force_login)(people.vera.user, "django.contrib.auth.backends.ModelBackend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}".encode()
    async with listening([(b"origin", ORIGIN), (b"cookie", cookie)]) as found:
        await until(found, "snapshot")
        await database_sync_to_async(change)(browser, people.vera)
        assert await close_code(found) == 4401


def viewers() -> Group:
    return Group.objects.get(name="viewer")


async def close_code(found: Any) -> int:
    async with asyncio.timeout(10):
        while True:
            message = await found.receive_output(timeout=10)
            if message["type"] == "websocket.close":
                return int(message["code"])


async def test_heartbeats_carry_the_head_and_the_hold() -> None:
    async def read() -> dict[str, Any]:
        return {"hold_id": 7, "ts": "now", "state": "hold"}

    hub = StatusHub(read, poll_seconds=0.01, beat_seconds=0.02)
    mailbox = await hub.join()
    kinds = [await asyncio.wait_for(mailbox.messages.get(), 5) for _ in range(3)]
    hub.leave(mailbox)
    assert '"type": "snapshot"' in kinds[0]
    assert all('"type": "heartbeat"' in text and '"hold_id": 7' in text and '"seq": 1' in text for text in kinds[1:])


async def test_the_passing_of_time_is_no_change() -> None:
    minutes = iter(range(1000))

    async def read() -> dict[str, Any]:
        return {"hold_id": 7, "ts": next(minutes), "line": f"Stopped {next(minutes)} min ago", "state": "hold"}

    hub = StatusHub(read, poll_seconds=0.01, beat_seconds=0.05)
    mailbox = await hub.join()
    await mailbox.messages.get()
    following = await asyncio.wait_for(mailbox.messages.get(), 5)
    hub.leave(mailbox)
    assert '"type": "heartbeat"' in following
    assert hub.seq == 1


def test_a_slow_reader_is_marked_and_its_mailbox_stays_bounded() -> None:
    mailbox = Mailbox()
    for number in range(BUFFERED_MESSAGES + 1):
        mailbox.put(str(number))
    assert mailbox.overflowed
    assert mailbox.messages.qsize() == BUFFERED_MESSAGES
