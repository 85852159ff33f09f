"""The same key gives the same answer, however often and however many at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from approvals.models import IdempotentAnswer
from approvals.services.idempotency import idempotency_purge
from tests.access.people import Cast, make_cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probe_urls")]


def test_a_repeated_post_is_answered_and_not_repeated(cast: Cast, probe_calls: list[str]) -> None:
    first = cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    second = cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    assert first.json() == second.json()
    assert second["Idempotent-Replay"] == "true"
    assert len(probe_calls) == 1


def test_a_refusal_is_remembered_too(cast: Cast, probe_calls: list[str]) -> None:
    body = {"amount": "1", "reason": "refuse"}
    answers = [cast.alice.post("/probe", body, Idempotency_Key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [423, 423]
    assert answers[0].json() == answers[1].json()
    assert len(probe_calls) == 1


def test_the_same_key_with_another_body_is_409(cast: Cast) -> None:
    cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    answer = cast.alice.post("/probe", {"amount": "2"}, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["error"]) == (409, "idempotency_conflict")


def test_the_same_key_on_another_route_is_409(cast: Cast) -> None:
    cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    assert cast.alice.post("/probe/stop", {}, Idempotency_Key="k1").status_code == 409


def test_two_persons_may_use_the_same_key(cast: Cast, probe_calls: list[str]) -> None:
    cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    assert cast.bob.post("/probe", {"amount": "2"}, Idempotency_Key="k1").status_code == 200
    assert len(probe_calls) == 2


def test_after_its_time_a_key_is_new_again(cast: Cast, probe_calls: list[str], settings) -> None:
    cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE approvals_idempotentanswer SET expires_at = now() - interval '1 second'")
    cast.alice.post("/probe", {"amount": "2"}, Idempotency_Key="k1")
    assert len(probe_calls) == 2
    assert idempotency_purge() == 0


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "ü"])
def test_a_key_that_is_none_is_400(cast: Cast, key: str) -> None:
    assert cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key=key).status_code == 400


def test_a_request_without_an_answer_is_not_repeated(cast: Cast, probe_calls: list[str], monkeypatch) -> None:
    monkeypatch.setattr("approvals.api.base.PATIENCE_SECONDS", 0.1)
    cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    IdempotentAnswer.objects.update(status=None, body=None)
    answer = cast.alice.post("/probe", {"amount": "1"}, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["error"]) == (409, "idempotency_in_progress")
    assert len(probe_calls) == 1


def test_what_stops_is_done_again_when_the_first_answer_was_lost(
    cast: Cast, probe_calls: list[str], monkeypatch
) -> None:
    """The web process died over the first request: a client that only ever repeats its key must still stop the desk."""
    monkeypatch.setattr("approvals.api.base.STOP_PATIENCE_SECONDS", 0.1)
    cast.alice.post("/probe/stop", {}, Idempotency_Key="k1")
    IdempotentAnswer.objects.update(status=None, body=None)
    for _ in range(2):
        assert cast.alice.post("/probe/stop", {}, Idempotency_Key="k1").json() == {"stopped": True}
    assert probe_calls == ["stop"] * 3


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_do_it_once_and_hear_the_same(transactional_db: None, probe_calls: list[str]) -> None:
    alice = make_cast().alice

    def press(_: int) -> tuple[int, str]:
        try:
            answer = alice.post("/probe", {"amount": "1", "reason": "slow"}, Idempotency_Key="k1")
            return answer.status_code, answer.content.decode()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = set(pool.map(press, range(20)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 200
    assert len(probe_calls) == 1
