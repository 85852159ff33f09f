"""One venue's margin run down step by step at the real simulator: entries stop, alarm, reduction, no liquidation."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from audit.models import AuditRecord, OpsAlert
from propbot.clock import utc_now
from risk.margin import MarginLevel, margin_decision
from risk.ports import ports
from risk.services.governor import governor_sample
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
from tests.engine.desk import LONG, SHORT, Desk, legs
from trading.models import Hedge, VenueHealth
from trading.services.entry import SkippedError, assert_risk
from trading.services.execution import hedge_open
from trading.services.margin_guard import margin_guard_run
from trading.services.reconciliation import reconcile

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)


def equity(desk: Desk, venue: str) -> Decimal:
    rows = desk.simulator.ask("/control/balances")["balances"]
    return next(D(str(row["equity"])) for row in rows if row["venue"] == venue)


def level(venue: str) -> MarginLevel:
    return next(margin_decision(one).level for one in ports().venues() if one.venue == venue)


@pytest.fixture
def run_down(desk: Desk) -> Any:
    """``run_down(share)``: leave the venue so much equity as that share of its position; given back afterwards."""
    taken = D(0)

    def leave(share: str, notional: Decimal) -> None:
        nonlocal taken
        amount = equity(desk, SHORT) - notional * D(share)
        taken += amount
        desk.simulator.ask("/control/transfer", "POST", {"venue": SHORT, "amount": str(-amount)})
        reconcile(runtime=desk.runtime)
        governor_sample()

    yield leave
    desk.simulator.ask("/control/transfer", "POST", {"venue": SHORT, "amount": str(taken)})


def alarms() -> list[str]:
    return list(OpsAlert.objects.filter(kind__startswith="margin_").order_by("id").values_list("kind", flat=True))


def test_a_margin_that_runs_down_stops_entries_alarms_reduces_both_legs_and_is_never_liquidated(
    desk: Desk, run_down: Callable[[str, Decimal], None]
) -> None:
    for venue in (LONG, SHORT):
        VenueHealth.objects.update_or_create(venue=venue, defaults={"reachable": True, "updated_at": utc_now()})
    plan = desk.plan(notional="20000")
    opened = hedge_open(plan=replace(plan, intent=replace(plan.intent, leverage=D(5))), attempt=None)
    assert opened.status == "open", opened.answer
    hedge, notional = opened.hedge, D(20000)
    before = legs(hedge)["long"]

    run_down("0.40", notional)
    assert level(SHORT) is MarginLevel.OK
    assert assert_risk(desk.plan(notional="500"))

    run_down("0.13", notional)
    assert level(SHORT) is MarginLevel.STOP
    with pytest.raises(SkippedError) as skipped:
        assert_risk(desk.plan(notional="500"))
    assert (skipped.value.decision.reason, skipped.value.decision.state) == ("other_risk", "SKIPPED_BY_RISK")
    assert "margin of okx-perp" in skipped.value.decision.detail
    assert (alarms(), margin_guard_run(runtime=desk.runtime)) == ([], 0)

    run_down("0.08", notional)
    assert level(SHORT) is MarginLevel.ALARM
    assert (alarms(), margin_guard_run(runtime=desk.runtime)) == (["margin_alarm"], 0)
    assert legs(hedge)["long"] == before

    run_down("0.048", notional)
    assert level(SHORT) is MarginLevel.REDUCE
    assert margin_guard_run(runtime=desk.runtime) == 1
    held = legs(Hedge.objects.get(pk=hedge.pk))
    assert held["long"] == held["short"]
    assert before * D("0.70") <= held["long"] <= before * D("0.75")
    assert desk.simulator.position(LONG, "BTCUSDT") == held["long"] == -desk.simulator.position(SHORT, "BTCUSDT")
    assert AuditRecord.objects.filter(action="margin_reduction", target=SHORT).count() == 1

    reconcile(runtime=desk.runtime)
    assert level(SHORT) is not MarginLevel.REDUCE
    assert margin_guard_run(runtime=desk.runtime) == 0
    kinds = {str(order["client_order_id"]) for order in desk.simulator.accepted()}
    assert not [name for name in kinds if name.startswith("autoclose")]
    assert desk.net() == 0
    assert Hedge.objects.get(pk=hedge.pk).status == "open"
