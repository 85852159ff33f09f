"""Opening a hedge: leg by leg, each journaled before it is sent, and whatever comes back brought to an end."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import transaction

from propbot.clock import monotonic_ms
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError
from risk.looks import fresh_reads
from risk.services.governor import sample_ensure
from trading.models import Hedge, HedgeAttempt, Leg, Order
from trading.runtime.handle import TraderRuntime, trader
from trading.services import journal, wire
from trading.services.answers import hedge_answer
from trading.services.grids import symbol_grids
from trading.services.journal import BOTH
from trading.services.ledger import hedge_book
from trading.services.orphans import hedge_conclude
from trading.services.resolving import resolve_now
from trading.services.resting import rest_until_filled
from trading.sizing import EntryPlan, common_lot, round_down
from trading.venues.base import Outcome, OutcomeKind, VenueOrderStatus

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class HedgeResult:
    """The hedge as it stands when the call ends, and the body of the answer."""

    hedge: Hedge
    status: str
    legs: list[dict[str, Any]]
    answer: dict[str, Any]


@dataclass
class Opening:
    """One hedge being opened. ``marks`` are milliseconds since the decision."""

    runtime: TraderRuntime
    plan: EntryPlan
    hedge: Hedge
    legs: dict[str, Leg]
    orders: list[Order]
    slots: "Future[list[None]]"
    second: Order | None = None  # drafted while the first is away
    marks: dict[str, int] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        self.marks[name] = monotonic_ms() - self.plan.decided_monotonic_ms


def hedge_open(*, plan: EntryPlan, attempt: HedgeAttempt | None) -> HedgeResult:
    """Open one hedge. Answers whatever became of it; raises RefusedError only while nothing has been sent.

    Nothing that the decision has read is believed here, but that the governor has looked within the second."""
    runtime = trader()
    refuse_unready(runtime, plan)
    if not plan.simulated:
        sample_ensure(max_age_seconds=1)
    with fresh_reads():
        return _open(runtime, plan, attempt)


def _open(runtime: TraderRuntime, plan: EntryPlan, attempt: HedgeAttempt | None) -> HedgeResult:
    leverage_ensure(runtime, plan)
    plan = _quoting(plan) if plan.post_only else plan
    concurrent = settings.PROPBOT.text("LEG_EXECUTION") == "concurrent" and not plan.post_only
    hedge_id = uuid4()
    # Before the row exists: from its commit on a sweep may find it, and must leave it to this call.
    with runtime.hedge_lock(hedge_id), _slots(runtime, plan) as slots:
        hedge, legs, orders = journal.hedge_journal(
            plan=plan,
            attempt=attempt,
            runtime=runtime,
            legs=BOTH if concurrent else (plan.first_leg,),
            hedge_id=hedge_id,
        )
        opening = Opening(runtime, plan, hedge, legs, orders, slots)
        opening.mark("journaled_ms")
        _execute(opening, concurrent=concurrent)
        hedge_book(runtime=runtime, hedge=hedge)
    return _result(opening)


def refuse_unready(runtime: TraderRuntime, plan: EntryPlan) -> None:
    """Nothing opens on a standby, in recovery (law 2), while the trader drains (RELIABILITY A17), or with real money
    on a venue whose account failed its preflight (B21 to B23)."""
    if runtime.standby:
        raise RefusedError("fenced", "this process does not hold the trader's lease", status=423)
    if not runtime.recovered:
        raise RefusedError("reconciling", "the trader is still recovering its orders", status=423)
    if runtime.draining:
        raise RefusedError("not_running", "the trader is shutting down", status=423)
    problems = [text for leg in BOTH for text in runtime.problems.get(plan.venue(leg), ())]
    if problems and not plan.simulated:
        raise RefusedError("venue_unavailable", f"preflight: {'; '.join(problems)}", status=503)


def leverage_ensure(runtime: TraderRuntime, plan: EntryPlan) -> None:
    """Set what the venue should use, once per symbol and venue while it does not change."""
    wanted = {(venue, plan.intent.symbol): plan.intent.leverage for venue in (plan.venue("long"), plan.venue("short"))}
    missing = {key: value for key, value in wanted.items() if runtime.leverage.get(key) != value}
    if plan.simulated or not missing:
        return
    outcomes = runtime.gather(
        *(_set_leverage(runtime, venue, symbol, value) for (venue, symbol), value in missing.items())
    )
    for (key, value), outcome in zip(missing.items(), outcomes, strict=True):
        if outcome.kind != OutcomeKind.ACCEPTED:
            raise RefusedError(
                "venue_unavailable", f"{key[0]} did not take leverage {value:f}: {outcome.code}", status=503
            )
        runtime.leverage[key] = value


def _set_leverage(runtime: TraderRuntime, venue: str, symbol: str, leverage: Decimal) -> Coroutine[Any, Any, Outcome]:
    return runtime.client(venue, simulated=False).set_leverage(symbol, leverage)


def _quoting(plan: EntryPlan) -> EntryPlan:
    """A post-only first leg joins its own side's touch: a buy at the bid, a sell at the ask."""
    quote = plan.quotes[plan.venue(plan.first_leg)]
    if plan.first_leg == "long":
        return replace(plan, long_price=quote.bid)
    return replace(plan, short_price=quote.ask)


def _execute(opening: Opening, *, concurrent: bool) -> None:
    try:
        tickets = _mark(opening)
    except RefusedError as refused:
        _call_off(opening, refused)
        raise
    alone = not concurrent and not opening.plan.post_only
    answers = _transmit(opening, tickets, "first", partial(_draft_ahead, opening) if alone else None)
    crashpoint("post_response")
    if concurrent:
        _store(answers)
        resolve_now(runtime=opening.runtime, orders=opening.orders)
    elif opening.plan.post_only:
        _store(answers)
        rest_until_filled(runtime=opening.runtime, order=opening.orders[0])
    else:
        _second_leg(opening, answers)
    hedge_conclude(runtime=opening.runtime, hedge=opening.hedge, may_open=True)


@contextmanager
def _slots(runtime: TraderRuntime, plan: EntryPlan) -> "Iterator[Future[list[None]]]":
    """Slots of both venues at once, while the journal is written: between the legs every millisecond is drift."""
    venues = [plan.venue(leg) for leg in ((plan.first_leg,) if plan.post_only else BOTH)]
    slots = journal.slots_begin(runtime, venues, simulated=plan.simulated)
    try:
        yield slots
    finally:
        slots.cancel()


def _mark(opening: Opening) -> list[wire.Ticket]:
    runtime, orders = opening.runtime, opening.orders
    runtime.finish(opening.slots)
    return journal.mark_opening(runtime=runtime, quotes=opening.plan.quotes.values(), prepare=lambda: orders)


def _call_off(opening: Opening, refused: RefusedError) -> None:
    """HOLD, or stale data, came between journal and wire: nothing was sent, the hedge ends with its reservation."""
    journal.planned_deny(orders=opening.orders, reason=refused.code)
    hedge_conclude(runtime=opening.runtime, hedge=opening.hedge, may_open=False)


def _transmit(
    opening: Opening, tickets: Sequence[wire.Ticket], name: str, meanwhile: Callable[[], None] | None = None
) -> list[wire.Answer]:
    opening.mark(f"{name}_sent_ms")
    answers = wire.transmit(opening.runtime, tickets, meanwhile)
    opening.mark(f"{name}_answered_ms")
    return answers


def _store(answers: Sequence[wire.Answer]) -> None:
    with transaction.atomic(durable=True):
        wire.answers_store(answers)


def _second_leg(opening: Opening, answers: list[wire.Answer]) -> None:
    """Sized to the first leg's fill. Its mark is the one commit on the way between the legs; the first answer is stored
    while the second order is on its way. A trader that dies in between leaves both as sending, which the venues are
    asked about (law 2), as of two legs sent at once."""
    plan, first = opening.plan, opening.orders[0]
    quantity = _matched_quantity(plan, answers[0])
    if not quantity:
        crashpoint("leg_a_ack")
        _store(answers)
        resolve_now(runtime=opening.runtime, orders=[first])
        return
    crashpoint("leg_a_filled")
    try:
        tickets = journal.mark_opening(
            runtime=opening.runtime,
            quotes=plan.quotes.values(),
            prepare=lambda: [_second_order(opening, quantity)],
        )
    except RefusedError as refused:
        log.warning("second_leg_refused", hedge=str(opening.hedge.pk), code=refused.code)
        _store(answers)
        return
    second = _transmit(opening, tickets, "second", meanwhile=partial(_store, answers))
    crashpoint("leg_b_sent")
    _store(second)
    resolve_now(runtime=opening.runtime, orders=[tickets[0].order])


def _matched_quantity(plan: EntryPlan, answer: wire.Answer) -> Decimal:
    """What the second leg can match of a proved, ended first leg; zero while it is not proved."""
    proof = answer.seen or (answer.outcome.order if answer.outcome else None)
    if proof is None or proof.status == VenueOrderStatus.OPEN or not proof.filled_quantity:
        return Decimal(0)
    if proof.filled_quantity >= plan.quantity:
        return plan.quantity
    grids = symbol_grids(plan.intent.symbol)
    lot = common_lot(grids[plan.venue("long")].lot_size, grids[plan.venue("short")].lot_size)
    quantity = round_down(proof.filled_quantity, lot)
    return quantity if quantity >= grids[plan.venue(plan.second_leg)].min_quantity else Decimal(0)


def _draft_second(opening: Opening, quantity: Decimal) -> Order:
    """Not stored: its mark stores it."""
    plan = opening.plan
    draft = journal.entry_draft(plan, opening.legs, plan.second_leg, quantity)
    return journal.order_of(opening.hedge, draft, epoch=opening.runtime.epoch, limits=plan.limits_version)


def _draft_ahead(opening: Opening) -> None:
    """The second order while the first is at its venue, for the case that all of it fills."""
    opening.second = _draft_second(opening, opening.plan.quantity)


def _second_order(opening: Opening, quantity: Decimal) -> Order:
    ahead = opening.second
    order = ahead if ahead is not None and ahead.quantity == quantity else _draft_second(opening, quantity)
    opening.orders.append(order)
    return order


def _result(opening: Opening) -> HedgeResult:
    hedge = opening.hedge
    opening.mark("concluded_ms")
    timings = {**hedge.timings, **opening.marks}
    Hedge.objects.filter(pk=hedge.pk).update(timings=timings)
    hedge.timings = timings
    answer = hedge_answer(hedge)
    answer["spread"], answer["spread_bps"] = _spread(opening.plan)
    return HedgeResult(hedge, str(hedge.status), answer["legs"], answer)


def _spread(plan: EntryPlan) -> tuple[Decimal, Decimal]:
    """The spread that was decided on, in USDT and bps."""
    bid, ask = plan.quotes[plan.venue("short")].bid, plan.quotes[plan.venue("long")].ask
    return bid - ask, plan.spread_bps
