"""RELIABILITY H2 and H31: what is refused took the same work, however near it was.

Wall time on a shared machine says nothing, so work is counted where it can be (hashes, comparisons, queries), and
what is measured is this thread's own processor time, of samples that take turns in random order. The measurement
has to find a comparison that leaks before its verdict on ours counts.
"""

import gc
import hmac
import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from approvals.api import authentication
from approvals.api.authentication import token_found
from approvals.services.people import person_deactivate
from approvals.services.tokens import same_secret
from tests.access.people import Cast

SECRET = "tests-only-approve-token-of-some-length-0123456789"
GUESSES = {
    "right": SECRET,
    "wrong at once": "x" + SECRET[1:],
    "wrong at last": SECRET[:-1] + "x",
    "all wrong": "x" * len(SECRET),
}
SAMPLES = 100_000
PASSWORD = "a-long-enough-password"
# What would leak shows as more than half of the time; nothing else on a busy machine moves a median so far.
NOTICED, TOLERATED = 0.5, 0.1


def leaky(given: str, wanted: str) -> bool:
    """Stops at the first difference, as equality does, and slowly enough to be seen."""
    if len(given) != len(wanted):
        return False
    return all(ours == theirs for ours, theirs in zip(given, wanted, strict=True))


def medians(act: Callable[[str], object], inputs: dict[str, str], samples: int) -> dict[str, float]:
    """The median processor time of ``act`` by kind of input; the kinds take turns in an order that nothing follows."""
    taken: dict[str, list[int]] = {kind: [] for kind in inputs}
    order, dice = list(inputs.items()), random.Random(7)  # noqa: S311 - an order, not a secret
    gc.disable()
    try:
        for _ in range(samples // len(order)):
            dice.shuffle(order)
            for kind, text in order:
                began = time.thread_time_ns()
                act(text)
                taken[kind].append(time.thread_time_ns() - began)
    finally:
        gc.enable()
    return {kind: statistics.median(times) for kind, times in taken.items()}


def spread(times: dict[str, float]) -> float:
    return (max(times.values()) - min(times.values())) / min(times.values())


def test_a_hundred_thousand_guesses_tell_nothing_of_how_near_they_were() -> None:
    found = medians(lambda text: leaky(text, SECRET), GUESSES, SAMPLES // 10)
    assert spread(found) > NOTICED, "the measurement does not notice a comparison that leaks"
    ours = medians(lambda text: same_secret(text, SECRET), GUESSES, SAMPLES)
    assert spread(ours) < TOLERATED, ours


@pytest.mark.parametrize("given", [*GUESSES.values(), "", "x", SECRET * 100, "\ud800", "\u00fc" * 50])
def test_what_is_compared_has_one_length_and_nobody_outside_knows_it(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Two MACs under a key of this process: where they differ says nothing of where the texts do."""
    seen: list[tuple[bytes, bytes]] = []

    def compared(a: Any, b: Any) -> bool:
        seen.append((a, b))
        return original(a, b)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compared)
    assert same_secret(given, SECRET) is (given == SECRET)
    assert [(len(a), len(b)) for a, b in seen] == [(32, 32)]
    assert all(SECRET.encode() not in a + b for a, b in seen)


# --- bearer tokens -----------------------------------------------------------------------------


@pytest.fixture
def refused_tokens(cast: Cast) -> dict[str, str]:
    """Tokens that open nothing, each for a reason of its own."""
    AuthToken.objects.filter(user=cast.bob.user).update(expiry=timezone.now() - timedelta(seconds=1))
    AuthToken.objects.filter(user=cast.otto.user).delete()
    person_deactivate(person=cast.vera.person)
    live = cast.alice.token
    return {
        "never was": "0" * len(live),
        "expired": cast.bob.token,
        "revoked": cast.otto.token,
        "of somebody who left": cast.vera.token,
        "begins like a live one": live[:-1] + ("0" if live[-1] != "0" else "1"),
    }


@pytest.mark.django_db
def test_every_refused_token_costs_one_hash_and_one_query(
    refused_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def counted(text: str) -> Any:
        hashed.append(text)
        return original(text)

    original = authentication.hash_token
    monkeypatch.setattr(authentication, "hash_token", counted)
    costs = {}
    for kind, text in refused_tokens.items():
        hashed.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert token_found(text) is None
        costs[kind] = (len(hashed), len(queries))
    assert set(costs.values()) == {(1, 1)}, costs


@pytest.mark.django_db
def test_a_thousand_refused_tokens_tell_nothing_of_why(refused_tokens: dict[str, str]) -> None:
    times = medians(token_found, refused_tokens, 1_000)
    assert spread(times) < NOTICED, times


@pytest.mark.django_db
def test_every_refused_token_hears_the_same(refused_tokens: dict[str, str]) -> None:
    for method, path in (("GET", "/api/ui/positions"), ("POST", "/api/ui/hold"), ("GET", "/ui/dashboard")):
        heard = set()
        for text in refused_tokens.values():
            client = Client(headers={"Authorization": f"Bearer {text}"})
            answer = client.generic(method, path, b"{}", content_type="application/json")
            named = tuple(sorted(name for name in answer.headers if name != "Content-Security-Policy"))
            heard.add((answer.status_code, answer.content, named))
        assert len(heard) == 1, path


# --- logins ------------------------------------------------------------------------------------


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The parameters of every Argon2 computation."""
    made: list[tuple[Any, ...]] = []
    plain, check = Argon2PasswordHasher.encode, Argon2PasswordHasher.verify

    def encode(self: Any, password: str, salt: str) -> str:
        made.append((self.time_cost, self.memory_cost, self.parallelism))
        return str(plain(self, password, salt))

    def verify(self: Any, password: str, encoded: str) -> bool:
        found = self.decode(encoded)
        made.append((found["time_cost"], found["memory_cost"], found["parallelism"]))
        return bool(check(self, password, encoded))

    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", verify)
    return made


def with_password(who: User) -> None:
    who.set_password(PASSWORD)
    who.save()


@pytest.mark.django_db
def test_every_failed_login_costs_one_hash_and_reads_the_same(cast: Cast, hashes: list[tuple[Any, ...]]) -> None:
    """Somebody's name, nobody's, one who left, one without a password, one with a code enrolled: alike."""
    for who in (cast.alice.user, cast.bob.user, cast.otto.user):
        with_password(who)
    TOTPDevice.objects.create(user=cast.alice.user, name="phone", confirmed=True)
    person_deactivate(person=cast.otto.person)
    tried = {
        "somebody": ("bob", "a-wrong-password"),
        "nobody": ("nobody-of-that-name", "a-wrong-password"),
        "who left, wrong": ("otto", "a-wrong-password"),
        "who left, right": ("otto", PASSWORD),
        "no password": ("vera", "a-wrong-password"),
        "with a code, wrong": ("alice", "a-wrong-password"),
        "with a code, right, no code": ("alice", PASSWORD),
    }
    costs, pages = {}, set()
    for kind, (name, password) in tried.items():
        hashes.clear()
        answer = Client().post("/ui/login", {"username": name, "password": password})
        costs[kind] = tuple(hashes)
        shown = answer.content.decode().replace(f'value="{name}"', 'value="NAME"')
        pages.add((answer.status_code, str(answer.context["form"].non_field_errors()), len(shown)))
    assert len(set(costs.values())) == 1, costs
    assert [len(cost) for cost in costs.values()] == [1] * len(tried)
    assert len(pages) == 1
