"""Positions and records over HTTP: shapes, unknown is null, filters, paging, and how many queries they take."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.access.people import Cast
from tests.trading.market import instrument, list_everywhere, put_marks
from tests.trading.rows import closed_hedge, hedge_row
from trading.models import HedgeAttempt, Opportunity, PnlSnapshot, TaskState, UniverseEntry, VenueHealth

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
POSITION = {
    "id", "symbol", "status", "strategy", "long_venue", "short_venue", "notional_usdt", "base_size", "leverage",
    "entry_long_price", "entry_short_price", "entry_spread_bps", "unrealized_pnl_usdt", "simulated", "timestamp", "legs",
}  # fmt: skip
LEG = {
    "venue", "symbol", "side", "status", "notional_usdt", "base_size", "entry_price", "mark_price", "mark_age_ms",
    "unrealized_pnl_usdt", "timestamp",
}  # fmt: skip


def positions(cast: Cast, query: str = "") -> Any:
    answer = cast.vera.get(f"/api/ui/positions{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_position_shows_both_legs_with_marks_and_pnl(cast: Cast) -> None:
    hedge_row()
    put_marks("88200")
    body = positions(cast)
    row = body["positions"][0]
    assert row.keys() >= POSITION
    assert [leg["side"] for leg in row["legs"]] == ["long", "short"]
    assert all(leg.keys() >= LEG for leg in row["legs"])
    assert D(row["legs"][0]["unrealized_pnl_usdt"]) == D("2")
    assert D(row["unrealized_pnl_usdt"]) == D("4.4")
    assert body["totals"]["incomplete"] is False
    assert D(body["totals"]["unrealized_pnl_usdt"]) == D("4.4")
    assert D(body["exposure"]["binance-um"]["net_usdt"]) == D(882)
    assert D(body["exposure"]["okx-perp"]["net_usdt"]) == D(-882)


@pytest.mark.parametrize("age_seconds", [None, 60])
def test_without_a_fresh_mark_pnl_is_null_and_the_total_incomplete(cast: Cast, age_seconds: int | None) -> None:
    hedge_row()
    if age_seconds is not None:
        put_marks("88200", at=datetime.now(UTC) - timedelta(seconds=age_seconds))
    body = positions(cast)
    leg = body["positions"][0]["legs"][0]
    assert (leg["mark_price"], leg["unrealized_pnl_usdt"]) == (None, None)
    assert body["positions"][0]["unrealized_pnl_usdt"] is None
    assert body["totals"] == {"unrealized_pnl_usdt": None, "incomplete": True}


def test_simulated_hedges_are_shown_and_marked_but_count_into_nothing_real(cast: Cast) -> None:
    hedge_row(simulated=True)
    put_marks("88200")
    body = positions(cast)
    assert (body["positions"][0]["status"], body["positions"][0]["simulated"]) == ("simulated", True)
    assert body["exposure"] == {}
    assert D(body["totals"]["unrealized_pnl_usdt"]) == 0


def test_filters_and_paging(cast: Cast) -> None:
    hedge_row()
    hedge_row(simulated=True)
    hedge_row("partial", symbol="ETHUSDT")
    hedge_row("closed")
    assert len(positions(cast)["positions"]) == 3
    assert [row["status"] for row in positions(cast, "?status=closed")["positions"]] == ["closed"]
    assert len(positions(cast, "?status=simulated")["positions"]) == 1
    assert positions(cast, "?symbol=ETHUSDT")["positions"][0]["outstanding_risk"] is True
    assert len(positions(cast, "?simulated=false")["positions"]) == 2
    assert len(positions(cast, "?venue=okx-perp&limit=2")["positions"]) == 2
    assert positions(cast, "?venue=nowhere")["positions"] == []
    first = positions(cast, "?limit=1")
    assert (first["total"], first["next_offset"]) == (3, 1)
    assert positions(cast, "?limit=1&offset=2")["next_offset"] is None


@pytest.mark.parametrize(
    "query", ["?status=nonsense", "?simulated=perhaps", "?limit=0", "?limit=x", "?offset=-1", "?symbol=" + "A" * 65]
)
def test_a_filter_that_means_nothing_is_refused(cast: Cast, query: str) -> None:
    assert cast.vera.get(f"/api/ui/positions{query}").status_code == 400


def test_a_filter_is_a_value_and_never_a_lookup(cast: Cast) -> None:
    hedge_row()
    assert len(positions(cast, "?initiator__startswith=zz&symbol__contains=ETH")["positions"]) == 1


def queries(cast: Cast, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert cast.vera.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    "path", ["/api/ui/positions", "/api/ui/orders", "/api/ui/hedge/log", "/api/ui/universe", "/api/ui/pnl_history"]
)
def test_more_rows_take_no_more_queries(cast: Cast, path: str) -> None:
    cast.vera.get(path)
    fill_tables(1)
    before = queries(cast, path)
    fill_tables(6)
    assert queries(cast, path) == before


def fill_tables(count: int) -> None:
    now = datetime.now(UTC)
    for number in range(count):
        hedge = hedge_row()
        HedgeAttempt.objects.create(
            kind="execute", initiator="alice", symbol="BTCUSDT", hedge=hedge, created_at=now, not_after=now
        )
        PnlSnapshot.objects.create(
            at=now, simulated=False, open_notional_usdt=D(1), open_hedges=1, partial_hedges=0,
            realized_today_usdt=D(0), realized_total_usdt=D(0),
        )  # fmt: skip
        if not UniverseEntry.objects.filter(symbol=f"S{count}{number}USDT").exists():
            list_everywhere(f"S{count}{number}USDT")


def test_orders_and_fills(cast: Cast) -> None:
    closed_hedge()
    body = cast.vera.get("/api/ui/orders").json()
    assert body["open_orders"] == []
    assert len(body["fills"]) == 4
    assert body["fills"][0]["price"] == "88440"


def test_the_hedge_log_names_initiator_result_and_reason(cast: Cast) -> None:
    now = datetime.now(UTC)
    HedgeAttempt.objects.create(
        kind="auto_hedge", status="done", initiator="auto_hedge", symbol="BTCUSDT", result="skipped",
        reason="hold_active", created_at=now, not_after=now,
    )  # fmt: skip
    entry = cast.otto.get("/api/ui/hedge/log?limit=5").json()["entries"][0]
    assert entry.keys() >= {
        "ts", "initiator", "kind", "symbol", "spread_bps", "notional_usdt", "result", "reason", "simulated",
        "hedge_id", "timings",
    }  # fmt: skip
    assert (entry["initiator"], entry["result"], entry["reason"]) == ("auto_hedge", "skipped", "hold_active")


def test_the_last_plan_is_null_before_the_first(cast: Cast) -> None:
    assert cast.vera.get("/api/ui/plan/last").json() == {"last_plan": None}
    TaskState.objects.create(name="loop", ran_at=datetime.now(UTC), details={"symbol": "BTCUSDT"})
    assert cast.vera.get("/api/ui/plan/last").json()["last_plan"]["symbol"] == "BTCUSDT"


def test_exchange_health_is_keyed_by_venue_and_unknown_is_null(cast: Cast) -> None:
    now = datetime.now(UTC)
    VenueHealth.objects.create(venue="okx-perp", reachable=True, last_ok_at=now, rtt_ms_p50=12.5, updated_at=now)
    body = cast.vera.get("/api/ui/exchange_health").json()
    assert set(body) == {"binance-um", "okx-perp"}
    assert body["binance-um"]["reachable"] is None
    assert body["okx-perp"]["reachable"] is True
    assert body["okx-perp"]["last_ok_ts"] == pytest.approx(now.timestamp(), abs=0.001)
    assert set(body["okx-perp"]) == {
        "reachable", "rate_limited", "last_ok_ts", "error", "rtt_ms_p50", "rtt_ms_p95", "clock_skew_ms", "maintenance",
    }  # fmt: skip


def test_pnl_history_is_newest_first_and_simulated_apart(cast: Cast) -> None:
    now = datetime.now(UTC)
    for minutes, simulated in ((2, False), (1, False), (0, True)):
        PnlSnapshot.objects.create(
            at=now - timedelta(minutes=minutes), simulated=simulated, open_notional_usdt=D(minutes), open_hedges=0,
            partial_hedges=0, realized_today_usdt=D(0), realized_total_usdt=D(0),
        )  # fmt: skip
    body = cast.vera.get("/api/ui/pnl_history?limit=10").json()
    assert body["count"] == 2
    assert [row["open_notional_usdt"] for row in body["snapshots"]] == ["1", "2"]
    assert len(body["simulated"]) == 1


def test_one_operator_takes_a_symbol_out_and_two_let_it_in(cast: Cast) -> None:
    list_everywhere("BTCUSDT")
    out = cast.alice.post("/api/ui/universe/BTCUSDT", {"allowed": False, "reason": "thin"})
    assert (out.status_code, out.json()["allowed"]) == (200, False)
    asked = cast.alice.post("/api/ui/universe/BTCUSDT", {"allowed": True, "reason": "back"})
    assert asked.status_code == 202
    assert not UniverseEntry.objects.get().allowed
    from tests.trading.conftest import approve

    approve(cast.bob, asked.json()["request_id"])
    assert UniverseEntry.objects.get().allowed
    assert cast.vera.post("/api/ui/universe/BTCUSDT", {"allowed": False}).status_code == 403


def test_a_symbol_of_one_venue_cannot_be_allowed(cast: Cast) -> None:
    instrument("okx-perp", "XRPUSDT")
    answer = cast.alice.post("/api/ui/universe/XRPUSDT", {"allowed": True})
    assert (answer.status_code, answer.json()["error"]) == (400, "symbol_not_tradable")
    assert cast.alice.post("/api/ui/universe/xrp", {"allowed": True}).status_code == 400
    assert cast.alice.post("/api/ui/universe/XRPUSDT", {"allowed": 1}).status_code == 400


def test_reading_writes_nothing(cast: Cast) -> None:
    hedge_row()
    for path in ("/api/ui/positions", "/api/arb/opportunity", "/api/ui/universe", "/api/ui/exchange_health"):
        assert cast.vera.get(path).status_code == 200
    assert not Opportunity.objects.exists()
    assert not HedgeAttempt.objects.exists()
