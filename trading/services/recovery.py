"""A start is a crash recovery (RELIABILITY S4.5): nothing is known until the venue says so, and nothing opens."""

from dataclasses import asdict, dataclass
from typing import Any

import structlog
from django.db import transaction

from audit.services import alert, audited, record
from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError
from trading.choices import HedgeStatus, OrderStatus
from trading.models import Hedge, Order
from trading.runtime.handle import TraderRuntime
from trading.services.ledger import hedge_book
from trading.services.orphans import hedge_conclude
from trading.services.outcomes import orders_unproven
from trading.services.resolving import order_resolve, orders_due, unproven_among
from trading.services.transitions import LostRaceError, order_move

log = structlog.get_logger(__name__)
UNSETTLED = (HedgeStatus.OPENING, HedgeStatus.UNRESOLVED)


@dataclass
class RestartReport:
    """What a start found and what became of it."""

    epoch: int
    sending: int = 0
    planned_denied: int = 0
    unproven_left: int = 0
    opening_hedges: int = 0
    unresolved_hedges: int = 0
    closing_hedges: int = 0
    partial_hedges: int = 0


def recover(*, runtime: TraderRuntime) -> RestartReport:
    """Run once by whoever has just taken the lease: mark, ask, conclude, report. Re-entrant at every point."""
    report = RestartReport(epoch=runtime.epoch)
    crashpoint("recovery_started")
    _mark_orders(report, runtime.epoch)
    crashpoint("recovery_marked")
    resolve_sweep(runtime=runtime)
    crashpoint("recovery_resolved")
    hedges_settle(runtime=runtime)
    _count(report)
    _tell(report)
    # A lease that was lost meanwhile, or taken anew, is recovered by its own run, not by this one.
    runtime.recovered = runtime.recovered or (report.epoch != 0 and runtime.epoch == report.epoch)
    return report


def _mark_orders(report: RestartReport, epoch: int) -> None:
    """Whatever was on the wire is unknown; whatever was only planned is never sent by anybody."""
    for order in Order.objects.filter(status=OrderStatus.SENDING, trader_epoch__lt=epoch):
        report.sending += _mark(order, OrderStatus.UNKNOWN, next_check_at=utc_now())
    for order in Order.objects.filter(status=OrderStatus.PLANNED, trader_epoch__lt=epoch):
        report.planned_denied += _mark(order, OrderStatus.DENIED, ended_at=utc_now())


def _mark(order: Order, to: OrderStatus, **changes: Any) -> int:
    try:
        with transaction.atomic(durable=True):
            order_move(order=order, to=to, reason="restart", **changes)
    except LostRaceError:
        return 0
    return 1


def resolve_sweep(*, runtime: TraderRuntime) -> int:
    """One round for every order that is due; hedges that somebody works on are left to them."""
    asked = 0
    for order in orders_due(now=utc_now()):
        with runtime.hedge_lock(order.hedge_id) as taken:
            if not taken:
                continue
            order.refresh_from_db()
            # Since it was listed, whoever had the hedge before, in this process or another, may have seen its end.
            if unproven_among([order]):
                asked += _resolve(runtime, order)
    return asked


def _resolve(runtime: TraderRuntime, order: Order) -> int:
    try:
        order_resolve(runtime=runtime, order=order)
    except (LostRaceError, RefusedError) as error:
        log.warning("resolve_skipped", order=order.client_order_id, error=str(error))
    return 1


def hedges_settle(*, runtime: TraderRuntime) -> int:
    """Conclude every hedge whose opening nobody carries on: after a restart, or when a late answer came."""
    settled = 0
    for hedge in Hedge.objects.filter(status__in=UNSETTLED):
        with runtime.hedge_lock(hedge.pk) as taken:
            if not taken:
                continue
            hedge.refresh_from_db()
            if hedge.status in UNSETTLED:
                settled += _settle(runtime, hedge)
    return settled


def _settle(runtime: TraderRuntime, hedge: Hedge) -> int:
    planned = Order.objects.filter(hedge=hedge, status=OrderStatus.PLANNED)
    for order in planned:
        _mark(order, OrderStatus.DENIED, ended_at=utc_now())
    try:
        hedge_conclude(runtime=runtime, hedge=hedge, may_open=False)
        hedge_book(runtime=runtime, hedge=hedge)
    except (LostRaceError, RefusedError) as error:
        log.warning("settle_skipped", hedge=str(hedge.pk), error=str(error))
        return 0
    return 1


def _count(report: RestartReport) -> None:
    report.unproven_left = Order.objects.filter(orders_unproven()).count()
    for status, name in (
        (HedgeStatus.OPENING, "opening_hedges"),
        (HedgeStatus.UNRESOLVED, "unresolved_hedges"),
        (HedgeStatus.CLOSING, "closing_hedges"),
        (HedgeStatus.PARTIAL, "partial_hedges"),
    ):
        setattr(report, name, Hedge.objects.filter(status=status).count())


def _tell(report: RestartReport) -> None:
    details = asdict(report)
    with audited():
        record(action="restart_report", target="desk", details=details)
    found = report.sending or report.unproven_left or report.unresolved_hedges or report.partial_hedges
    alert(
        kind="restart_report",
        severity="warning" if found else "info",
        text=f"the trader started (epoch {report.epoch}): {report.sending} orders were on the wire, "
        f"{report.unproven_left} still unproven, {report.unresolved_hedges} hedges unresolved",
        extra=details,
    )
