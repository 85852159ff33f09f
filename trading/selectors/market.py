"""Instruments and standing bases as the decisions want them, in few reads."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from propbot import config
from propbot.statements import Question, Row
from risk.looks import asked, looked, plainly
from trading import basis, quote_rules
from trading.candidates import Listing, Market, Terms, touch_of
from trading.models import Instrument, StandingBasis, UniverseEntry
from trading.quote_rules import Verdict
from trading.sizing import Grid
from trading.spread import FundingTerms, Touch
from trading.strategies.registry import plugin_of
from trading.venues.base import Quote

LISTED = (
    "venue", "symbol", "tick_size", "lot_size", "min_quantity", "max_quantity", "min_notional_usdt",
    "taker_fee_bps", "funding_rate", "funding_interval_hours", "next_funding_at", "max_leverage",
)  # fmt: skip
LISTINGS = f"SELECT {', '.join(LISTED)} FROM trading_instrument WHERE active"  # noqa: S608 - our own names
FEE_OVERRIDES = {"binance-um": "TAKER_FEE_BPS_BINANCE", "okx-perp": "TAKER_FEE_BPS_OKX"}

Quotes = Mapping[tuple[str, str], Quote]
Verdicts = dict[str, dict[str, Verdict]]


def allowed_symbols() -> list[str]:
    return list(UniverseEntry.objects.filter(allowed=True).order_by("symbol").values_list("symbol", flat=True))


def fee_override(venue: str) -> Decimal | None:
    """TAKER_FEE_BPS_BINANCE and TAKER_FEE_BPS_OKX win over what the venue told."""
    name = FEE_OVERRIDES.get(venue)
    return config.values().optional_decimal(name) if name else None


def _funding(row: dict[str, Any]) -> FundingTerms | None:
    facts = (row["funding_rate"], row["funding_interval_hours"], row["next_funding_at"])
    return None if None in facts else FundingTerms(*facts)


def _listing(row: dict[str, Any], fee: Decimal | None) -> Listing:
    grid = Grid(row["tick_size"], row["lot_size"], row["min_quantity"], row["max_quantity"], row["min_notional_usdt"])
    fee_bps = row["taker_fee_bps"] if fee is None else fee
    return Listing(row["venue"], row["symbol"], grid, fee_bps, _funding(row), row["max_leverage"])


@asked(lambda symbols=None: None if symbols is None else tuple(symbols))
def listings(symbols: Sequence[str] | None = None) -> Question[dict[tuple[str, str], Listing]]:
    """Active instruments by (venue, symbol)."""
    if symbols is None:
        return Question(LISTINGS, (), _listings)
    return Question(f"{LISTINGS} AND symbol = ANY(%s)", [list(symbols)], _listings)


def _listings(rows: Sequence[Row]) -> dict[tuple[str, str], Listing]:
    found = [dict(zip(LISTED, row, strict=True)) for row in rows]
    fees = {venue: fee_override(venue) for venue in {row["venue"] for row in found}}
    return {(row["venue"], row["symbol"]): _listing(row, fees[row["venue"]]) for row in found}


def basis_estimates() -> dict[tuple[str, str, str], basis.BasisEstimate]:
    """Of all symbols: a young one is held against its peers."""
    rows = StandingBasis.objects.values_list(
        "symbol", "venue_a", "venue_b", "median_bps", "samples", "first_at", "last_at"
    )
    return {(row[0], row[1], row[2]): basis.BasisEstimate(*row[3:]) for row in rows}


@looked(plainly, prepared=True)
def basis_table() -> basis.BasisTable:
    return basis.standing_table(basis_estimates())


def longest_holding() -> int | None:
    """MAX_HOLDING_SEC in seconds, None when there is none."""
    longest = config.values().optional_decimal("MAX_HOLDING_SEC")
    return None if longest is None else int(longest)


def terms(*, notional_usdt: Decimal, max_slippage_bps: Decimal, now: datetime, strategy: str = "") -> Terms:
    """Costs are counted over the strategy's holding time."""
    return Terms(notional_usdt, max_slippage_bps, plugin_of(strategy).holding_seconds(longest_holding()), now)


def judge(quotes: Quotes, *, now: datetime) -> Verdicts:
    """symbol -> venue -> verdict, by the settings' age, outlier and lag."""
    values = config.values()
    by_symbol: dict[str, dict[str, Quote]] = {}
    for (venue, symbol), quote in quotes.items():
        by_symbol.setdefault(symbol, {})[venue] = quote
    return {
        symbol: quote_rules.judge(
            of_symbol,
            now=now,
            max_age_ms=values.integer("MAX_QUOTE_AGE_MS"),
            outlier_bps=values.decimal("OUTLIER_BPS"),
            max_lag_ms=values.integer("MAX_VENUE_LAG_MS"),
        )
        for symbol, of_symbol in by_symbol.items()
    }


def usable(quotes: Quotes, verdicts: Verdicts) -> dict[str, dict[str, Touch]]:
    """symbol -> venue -> touch, of the quotes that were not refused."""
    found: dict[str, dict[str, Touch]] = {}
    for (venue, symbol), quote in quotes.items():
        if verdicts[symbol][venue].ok:
            found.setdefault(symbol, {})[venue] = touch_of(quote)
    return found


def active_touches(quotes: Quotes, verdicts: Verdicts) -> dict[str, dict[str, Touch]]:
    """The same, without what its venue does not list as active now."""
    active = active_pairs()
    return usable({key: quote for key, quote in quotes.items() if key in active}, verdicts)


@looked(plainly, prepared=True)
def active_pairs() -> set[tuple[str, str]]:
    """(venue, symbol) of what is listed as active."""
    return set(Instrument.objects.filter(active=True).values_list("venue", "symbol"))


def refusals(verdicts: Verdicts) -> Iterable[tuple[str, str, str]]:
    """(symbol, venue, reason) of every refused quote."""
    for symbol, of_symbol in verdicts.items():
        for venue, verdict in of_symbol.items():
            if not verdict.ok:
                yield symbol, venue, verdict.reason


def market(quotes: Quotes, verdicts: Verdicts, symbols: Sequence[str]) -> Market:
    return Market(usable(quotes, verdicts), listings(symbols), basis_table())
