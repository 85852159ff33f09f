"""Intents that race for one cap: together they never take more than it allows, and none leaves anything behind."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction

from propbot.errors import RefusedError
from risk.intents import ExposureSnapshot
from risk.models import Reservation, RiskSkip
from risk.services.facts import reserved_now
from risk.services.gate import request_limits_check, risk_gate, skip_record
from risk.services.locks import with_lock_retry
from risk.services.reservations import reservation_create, reservation_end
from tests.risk.figures import NOW, Figures, make_intent
from tools.risk_bench.racing import Race

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def enforced(setting: Callable[..., None]) -> None:
    setting(RISK_CHECKS_ENABLED=True, RISK_ENFORCE_CAPS=True, RISK_ENFORCE_BUDGETS=True)


def reserve(**changes: object) -> uuid.UUID:
    def journal() -> uuid.UUID:
        hedge = uuid.uuid4()
        with transaction.atomic():
            reservation_create(hedge_id=hedge, intent=make_intent(**changes), limits_version=0)
        return hedge

    return with_lock_retry(journal)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("enforced")
def test_fifty_workers_never_pass_the_cap_together(figures: Figures) -> None:
    """Each round 50 workers want 20,000 of a symbol's own: the venue caps of 50,000 let two pass, never three.

    ``make risk-bench`` runs 200 rounds of the same race.
    """
    found = Race(workers=50, rounds=20).run()
    assert not found.errors
    assert (found.rounds, found.passed, found.refused) == (20, 40, 20 * 48)
    assert (found.over, found.under, found.left) == (0, 0, 0)


CHILD = """
import sys, time
import django
django.setup()
from django.db import transaction
from tests.risk.plain import D, make_intent
from risk.services.reservations import reservation_create
import uuid
with transaction.atomic(durable=True):
    reservation_create(hedge_id=uuid.uuid4(), intent=make_intent(notional_usdt=D(25000)), limits_version=0)
    print("inside", flush=True)
    time.sleep(60)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("enforced")
def test_a_journal_that_is_killed_leaves_neither_a_reservation_nor_the_lock(figures: Figures) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    variables = {**os.environ, "DATABASE_URL": urlunsplit(url), "DJANGO_SETTINGS_MODULE": "propbot.settings"}
    for _ in range(3):
        command = [sys.executable, "-c", CHILD]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "inside\n"
            child.kill()
        hedge = reserve()  # waits for the dead one's lock at most as long as PostgreSQL takes to notice
        assert reserved_now().notional_usdt == D(1000)
        assert reservation_end(hedge_id=hedge)
    assert Reservation.objects.exclude(status="released").count() == 0
    assert Reservation.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("enforced")
def test_a_journal_that_rolls_back_leaves_no_reservation(figures: Figures) -> None:
    def journal_that_breaks() -> None:
        with transaction.atomic():
            reservation_create(hedge_id=uuid.uuid4(), intent=make_intent(), limits_version=0)
            raise ConnectionError("the journal broke")

    with pytest.raises(ConnectionError):
        journal_that_breaks()
    assert not Reservation.objects.exists()


@pytest.mark.usefixtures("enforced")
def test_a_reservation_ends_once(figures: Figures) -> None:
    hedge = reserve()
    assert reservation_end(hedge_id=hedge, converted=True)
    assert not reservation_end(hedge_id=hedge)
    assert Reservation.objects.get().status == "converted"


@pytest.mark.usefixtures("enforced")
def test_the_refusal_carries_what_the_answer_needs(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(74500))
    with pytest.raises(RefusedError) as refused:
        reserve()
    assert refused.value.code == "caps_exceeded"
    assert refused.value.context["cap"] == "max_total_notional_usdt"


def test_with_the_flags_off_positions_and_total_bind_all_the_same(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=NOW, open_hedges=3)
    with pytest.raises(RefusedError) as refused:
        request_limits_check(make_intent())
    assert (refused.value.code, refused.value.status) == ("limit_exceeded", 400)
    assert refused.value.context == {"cap": "max_open_positions"}
    with pytest.raises(RefusedError) as refused:
        reserve()
    assert refused.value.code == "limit_exceeded"


@pytest.mark.usefixtures("enforced")
def test_simulated_intents_reserve_apart_and_real_ones_do_not_see_them(figures: Figures) -> None:
    for _ in range(4):
        reserve(simulated=True, notional_usdt=D(25000))
    assert reserved_now().notional_usdt == 0
    assert risk_gate(intent=make_intent(), dry_run=False).allowed


@pytest.mark.usefixtures("enforced")
def test_a_skip_is_a_row_and_a_counted_metric(figures: Figures) -> None:
    from prometheus_client import REGISTRY

    def counted() -> float:
        labels = {"reason": "caps_exceeded", "strategy": "cross_exchange_arb"}
        return REGISTRY.get_sample_value("risk_skips_total", labels) or 0.0

    figures.exposure = ExposureSnapshot(taken_at=NOW, open_hedges=3)
    decision = risk_gate(intent=make_intent(), dry_run=False)
    before = counted()
    skip_record(intent=make_intent(), decision=decision)
    row = RiskSkip.objects.get()
    assert (row.reason, row.cap, row.enforced) == ("caps_exceeded", "max_open_positions", True)
    assert counted() == before + 1


def test_unread_exposure_is_an_error_and_never_a_pass() -> None:
    from risk import ports

    before = list(ports._registered)
    ports._registered.clear()
    try:
        with pytest.raises(ports.PortsNotRegisteredError):
            risk_gate(intent=make_intent(), dry_run=False)
    finally:
        ports._registered[:] = before
