"""Service levels: what was measured, what it is judged against, and what that says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True)
class Threshold:
    """``warn`` and ``error`` bound the good side: above them for costs, below them where ``falling`` is true."""

    warn: Decimal
    error: Decimal
    unit: str
    title: str
    falling: bool = False


THRESHOLDS: Mapping[str, Threshold] = {
    "quote_gap_p95_ms": Threshold(Decimal(1000), Decimal(2000), "ms", "Quote gap, p95"),
    "order_cycle_p95_ms": Threshold(Decimal(1500), Decimal(5000), "ms", "Order cycle, p95"),
    "reject_rate": Threshold(Decimal("0.05"), Decimal("0.20"), "share", "Orders rejected"),
    "cancel_failure_rate": Threshold(Decimal("0.05"), Decimal("0.20"), "share", "Cancels failed"),
    "reconciliation_mismatches": Threshold(Decimal(1), Decimal(3), "count", "Reconciliation mismatches"),
    "day_drawdown_usdt": Threshold(Decimal(250), Decimal(1000), "USDT", "Drawdown of the day"),
    "budget_remaining_share": Threshold(Decimal("0.25"), Decimal("0.05"), "share", "Daily budget left", falling=True),
}


def judge(name: str, value: Decimal | None) -> str:
    """OK, WARN or ERROR; ``NO DATA`` where nobody measured (law 9: unknown is not zero, and not fine)."""
    if value is None:
        return "NO DATA"
    limit = THRESHOLDS[name]
    if limit.falling:
        return "ERROR" if value <= limit.error else "WARN" if value <= limit.warn else "OK"
    return "ERROR" if value >= limit.error else "WARN" if value >= limit.warn else "OK"


def slo_alerts(slo: Mapping[str, Decimal | None]) -> list[dict[str, str]]:
    """What the thresholds say now, worst first, as a person would read it."""
    found = [(judge(name, value), name, value) for name, value in slo.items()]
    raised = [
        {
            "severity": "critical" if status == "ERROR" else "warning",
            "kind": f"slo_{name}",
            "text": _sentence(name, value),
        }
        for status, name, value in found
        if status in {"WARN", "ERROR"} and value is not None
    ]
    return sorted(raised, key=lambda alert: alert["severity"])


def _sentence(name: str, value: Decimal) -> str:
    limit = THRESHOLDS[name]
    side = "falls to" if limit.falling else "reaches"
    return f"{limit.title} {side} {value} {limit.unit} (warn {limit.warn}, error {limit.error})"


def percentile(values: list[Decimal], share: Decimal) -> Decimal | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    rank = int((len(ranked) * share).to_integral_value(ROUND_CEILING))
    return ranked[max(1, rank) - 1]


def drawdown(equity: list[Decimal]) -> Decimal | None:
    """The largest fall from a peak to the last value of a series in time order, in its unit; None of nothing."""
    if not equity:
        return None
    return max(equity) - equity[-1]
