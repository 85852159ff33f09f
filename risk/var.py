"""Value at risk of the open book, historical and stressed. Pure.

A hedge of equal legs gains and loses with its basis, not with the price: its change over a horizon is the change
of the basis, in bps, times its notional. Losses are positive, in USDT; what has no history has no figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

SHOCKS = (Decimal("-0.10"), Decimal("-0.05"), Decimal("0.05"), Decimal("0.10"))
LEVELS = (95, 99)
# Below this many observations a tail is a guess.
FEWEST_SAMPLES = 100


@dataclass(frozen=True)
class BookLine:
    """One symbol of the open book. ``changes`` holds, per horizon ("1h", "1d"), the moves of its basis in bps.

    ``net_base_usdt`` is what is not matched between the legs, signed; ``funding_usdt_per_day`` is paid when negative
    and None while a rate is not known.
    """

    symbol: str
    notional_usdt: Decimal
    net_base_usdt: Decimal
    venues: tuple[str, ...]
    changes: Mapping[str, Sequence[Decimal]]
    funding_usdt_per_day: Decimal | None = None


def historical_var(changes_bps: Sequence[Decimal], notional_usdt: Decimal, level: int) -> Decimal | None:
    """The loss that ``level`` % of the observed moves did not pass; None with too few observations."""
    if len(changes_bps) < FEWEST_SAMPLES:
        return None
    losses = sorted(abs(change) * notional_usdt / 10_000 for change in changes_bps)
    return losses[ceil(len(losses) * level / 100) - 1]


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    """A sum with an unknown part is unknown."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


KEYS = tuple(f"{horizon}_{level}" for horizon in ("1h", "1d") for level in LEVELS)


def _line_var(line: BookLine) -> dict[str, Decimal | None]:
    return {
        f"{horizon}_{level}": historical_var(line.changes.get(horizon, ()), line.notional_usdt, level)
        for horizon in ("1h", "1d")
        for level in LEVELS
    }


def var_table(book: Sequence[BookLine]) -> dict[str, object]:
    """Per symbol and horizon at 95 and 99 %, and the sum over symbols (no diversification is claimed)."""
    per_symbol: dict[str, dict[str, Decimal | None]] = {}
    for line in book:
        known = per_symbol.get(line.symbol)
        own = _line_var(line)
        per_symbol[line.symbol] = {key: _sum([known[key], own[key]]) for key in KEYS} if known else own
    totals = {key: _sum([row[key] for row in per_symbol.values()]) for key in KEYS}
    return {"method": "historical basis moves", "per_symbol": per_symbol, "total": totals}


def stress_table(book: Sequence[BookLine]) -> dict[str, Decimal | None]:
    """Prices up and down, one venue down (its leg stands alone through a 5 % move), funding three times as dear."""
    net = sum((line.net_base_usdt for line in book), Decimal(0))
    table: dict[str, Decimal | None] = {f"price_{shock * 100:+.0f}pct": net * shock for shock in SHOCKS}
    for venue in sorted({venue for line in book for venue in line.venues}):
        alone = sum((line.notional_usdt for line in book if venue in line.venues), Decimal(0))
        table[f"{venue}_down_5pct"] = -alone * Decimal("0.05")
    paid = _sum([line.funding_usdt_per_day and min(Decimal(0), line.funding_usdt_per_day) for line in book])
    table["funding_x3_per_day"] = None if paid is None else paid * 3
    return table


def concentration(book: Sequence[BookLine]) -> Decimal | None:
    """The largest symbol's share of the open notional; None of an empty book."""
    per_symbol: dict[str, Decimal] = {}
    for line in book:
        per_symbol[line.symbol] = per_symbol.get(line.symbol, Decimal(0)) + line.notional_usdt
    total = sum(per_symbol.values(), Decimal(0))
    return max(per_symbol.values()) / total if total > 0 else None
