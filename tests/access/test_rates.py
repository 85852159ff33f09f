"""Too much is 429, except for what stops and reduces."""

import pytest

from approvals.services.buckets import bucket_take
from tests.access.people import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probe_urls")]


@pytest.fixture(autouse=True)
def small_budget(settings) -> None:
    """One a minute beyond the burst: on the slowest machine none comes back while a test runs."""
    settings.PROPBOT = settings.PROPBOT.replace(API_RATE_PER_MIN=1, API_BURST=3)


def test_beyond_the_burst_it_is_429_with_retry_after(cast: Cast) -> None:
    answers = [cast.alice.post("/probe", {"amount": "1"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1].json()["error"] == "rate_limited"


def test_each_token_has_a_budget_of_its_own(cast: Cast) -> None:
    for _ in range(4):
        cast.alice.post("/probe", {"amount": "1"})
    assert cast.bob.post("/probe", {"amount": "1"}).status_code == 200


def test_reading_is_not_limited(cast: Cast) -> None:
    assert {cast.alice.get("/probe").status_code for _ in range(10)} == {200}


def test_stopping_is_never_limited(cast: Cast) -> None:
    for _ in range(4):
        cast.alice.post("/probe", {"amount": "1"})
    assert {cast.alice.post("/probe/stop", {}).status_code for _ in range(20)} == {200}


def test_a_repeated_answer_costs_nothing(cast: Cast) -> None:
    statuses = {cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k").status_code for _ in range(10)}
    assert statuses == {200}


def test_a_key_that_met_the_limit_is_free_again(cast: Cast) -> None:
    for _ in range(3):
        cast.alice.post("/probe", {"amount": "1"})
    assert cast.alice.post("/probe", {"amount": "9"}, Idempotency_Key="k").status_code == 429
    assert cast.alice.post("/probe/stop", {}, Idempotency_Key="k").status_code == 200


def test_a_bucket_fills_again_with_time() -> None:
    taken = [bucket_take(key="t", per_minute=60_000, burst=2).allowed for _ in range(2)]
    assert taken == [True, True]
    refused = bucket_take(key="slow", per_minute=1, burst=1), bucket_take(key="slow", per_minute=1, burst=1)
    assert [item.allowed for item in refused] == [True, False]
    assert 55 <= refused[1].retry_after_seconds <= 60
