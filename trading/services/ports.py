"""What risk asks of trading, registered when Django is ready."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from propbot.clock import utc_day_start
from propbot.statements import Question
from risk.intents import ExecutionFigures, StrategyPnl
from risk.looks import asked, looked, plainly
from risk.ports import TradingPorts, register
from trading.choices import OPENING_PURPOSES, ORDER_UNPROVEN, AttemptStatus, OrderSide, OrderStatus
from trading.models import HedgeAttempt, Order, PnlSnapshot, ReconciliationRound
from trading.services.book import open_book
from trading.services.exposure import exposure_snapshot, pnl_figures, strategies_pnl
from trading.services.health import venue_figures
from trading.sizing import adverse_bps

RECENT = timedelta(minutes=15)
TREND_LENGTH = 5
SLIPPAGE_ORDERS = 40
ZERO = Decimal(0)


def in_flight() -> list[str]:
    """Client order ids of opening orders that may still arrive at a venue: marked as sending, not yet answered."""
    rows = Order.objects.filter(
        status__in=[OrderStatus.SENDING, OrderStatus.UNKNOWN], purpose__in=OPENING_PURPOSES, simulated=False
    )
    return list(rows.values_list("client_order_id", flat=True))


def unproven_orders() -> int:
    """Real orders without proof; a resting quote is known."""
    return Order.objects.filter(status__in=ORDER_UNPROVEN, simulated=False).count()


def clean_rounds(epoch: int) -> int:
    """Clean reconciliation rounds in a row since this trader's start; an unread round is not a clean one."""
    count = 0
    rows = ReconciliationRound.objects.filter(trader_epoch=epoch, finished_at__isnull=False)
    for clean in rows.order_by("-id").values_list("clean", flat=True)[:10]:
        if clean is not True:
            break
        count += 1
    return count


def execution_figures(now: datetime) -> ExecutionFigures:
    """The last minute's orders and cancels, simulated ones included; quality over the last quarter of an hour."""
    slippage, failures, counted = _quality(now - RECENT)
    orders, cancels = last_minute(now)
    return ExecutionFigures(
        orders_last_minute=orders,
        cancels_last_minute=cancels,
        average_slippage_bps=slippage,
        failure_rate=failures,
        attempts_counted=counted,
        unrealized_trend=_trend(),
    )


COUNTS = """
SELECT (SELECT count(*) FROM trading_order WHERE sending_at >= %s),
       (SELECT count(*) FROM trading_order WHERE cancel_requested_at >= %s)
"""


@asked(plainly)
def last_minute(now: datetime) -> Question[tuple[int, int]]:
    """Orders and cancels in one question; never from a prepared look: the runaway guard counts them."""
    since = now - timedelta(minutes=1)
    return Question(COUNTS, [since, since], lambda found: (int(found[0][0]), int(found[0][1])))


@looked(plainly, prepared=True)
def _quality(since: datetime) -> tuple[Decimal | None, Decimal | None, int]:
    attempts = HedgeAttempt.objects.filter(created_at__gte=since, status=AttemptStatus.DONE, simulated=False)
    sent = attempts.filter(result__in=["opened", "failed", "partial", "unresolved"]).count()
    failed = attempts.filter(result__in=["failed", "partial", "unresolved"]).count()
    rate = (Decimal(failed) / sent).quantize(Decimal("0.0001")) if sent else None
    return _slippage(since), rate, sent


def _slippage(since: datetime) -> Decimal | None:
    """Average distance of the latest entry fills from the touch that was decided on, in bps; None without one."""
    rows = Order.objects.filter(
        created_at__gte=since, purpose__in=OPENING_PURPOSES, simulated=False, average_price__isnull=False
    )
    found = [slippage_bps(order) for order in rows.select_related("hedge").order_by("-created_at")[:SLIPPAGE_ORDERS]]
    known = [value for value in found if value is not None]
    return sum(known, ZERO) / len(known) if known else None


def slippage_bps(order: Order) -> Decimal | None:
    """How much worse than the decided touch an entry filled, in bps; None when either is not known."""
    quote = order.hedge.decision.get("quotes", {}).get(order.venue)
    if quote is None or order.average_price is None:
        return None
    touch = Decimal(quote["ask"] if order.side == OrderSide.BUY else quote["bid"])
    return adverse_bps(touch, order.average_price, "buy" if order.side == OrderSide.BUY else "sell")


@looked(plainly, prepared=True)
def _trend() -> tuple[Decimal, ...]:
    """The latest unrealized figures, oldest first; an unknown one breaks the trend off."""
    rows = PnlSnapshot.objects.filter(simulated=False).order_by("-at").values_list("unrealized_usdt", flat=True)
    values: list[Decimal] = []
    for value in rows[:TREND_LENGTH]:
        if value is None:
            break
        values.append(value)
    return tuple(reversed(values))


def strategies_realized(now: datetime) -> dict[str, StrategyPnl]:
    return strategies_pnl(utc_day_start(now).date(), simulated=False)


def ports_register() -> None:
    register(
        TradingPorts(
            exposure=looked(plainly, prepared=True)(exposure_snapshot),
            pnl=looked(plainly, prepared=True)(pnl_figures),
            venues=looked(plainly, prepared=True)(venue_figures),
            execution=looked(plainly)(execution_figures),
            in_flight=in_flight,
            unproven_orders=unproven_orders,
            reconciliation_clean_rounds=looked(lambda epoch: epoch, prepared=True)(clean_rounds),
            book=open_book,
            strategies=looked(plainly, prepared=True)(strategies_realized),
            simulated_exposure=partial(exposure_snapshot, simulated=True),
        )
    )
