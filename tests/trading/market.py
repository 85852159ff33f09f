"""A small market for tests: instruments in the database, quotes on the real board, a grown basis."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.models import BasisSample, Instrument, StandingBasis, UniverseEntry
from trading.quotes import board
from trading.venues.base import Mark, Quote

D = Decimal
VENUES = ("binance-um", "okx-perp")
MIDS: Mapping[str, str] = {"BTCUSDT": "88000", "ETHUSDT": "2970", "SOLUSDT": "125"}


def unsaved_instrument(venue: str, symbol: str = "BTCUSDT", **changes: object) -> Instrument:
    now = datetime.now(UTC)
    columns: dict[str, object] = {
        "venue_symbol": symbol,
        "active": True,
        "tick_size": D("0.01"),
        "lot_size": D("0.001") if venue == "binance-um" else D("0.0001"),
        "min_quantity": D("0.001") if venue == "binance-um" else D("0.0001"),
        "min_notional_usdt": D(20),
        "contract_size": D(1) if venue == "binance-um" else D("0.01"),
        "max_leverage": D(50),
        "taker_fee_bps": D(5),
        "maker_fee_bps": D(2),
        "funding_rate": D("0.00001"),
        "funding_interval_hours": D(8),
        "next_funding_at": now + timedelta(hours=5),
        "volume_24h_usdt": D("5e9"),
        "refreshed_at": now,
        "funding_refreshed_at": now,
        "fees_refreshed_at": now,
    }
    return Instrument(venue=venue, symbol=symbol, **{**columns, **changes})


def instrument(venue: str, symbol: str = "BTCUSDT", **changes: object) -> Instrument:
    row = unsaved_instrument(venue, symbol, **changes)
    row.save()
    return row


def list_everywhere(*symbols: str) -> None:
    for symbol in symbols:
        for venue in VENUES:
            instrument(venue, symbol)
        UniverseEntry.objects.create(symbol=symbol, allowed=True, changed_at=datetime.now(UTC))


def quote(venue: str, symbol: str, mid: Decimal, *, at: datetime | None = None, size: str = "10") -> Quote:
    now = at or datetime.now(UTC)
    tick = D("0.005")
    return Quote(venue, symbol, mid - tick, D(size), mid + tick, D(size), now, now)


def put_quotes(basis_bps: str = "5", *, at: datetime | None = None, symbols: tuple[str, ...] = ("BTCUSDT",)) -> None:
    """OKX stands so many bps above Binance, fresh now (or as old as ``at``)."""
    for symbol in symbols:
        low = D(MIDS[symbol])
        high = low * (1 + D(basis_bps) / 10_000)
        board().put([quote("binance-um", symbol, low, at=at), quote("okx-perp", symbol, high, at=at)])


def put_marks(price: str, symbol: str = "BTCUSDT", *, at: datetime | None = None) -> None:
    now = at or datetime.now(UTC)
    board().put_marks([Mark(venue, symbol, D(price), now, now) for venue in VENUES])


def grown_basis(median: str = "5", symbol: str = "BTCUSDT") -> StandingBasis:
    now = datetime.now(UTC)
    return StandingBasis.objects.create(
        symbol=symbol, venue_a=VENUES[0], venue_b=VENUES[1], median_bps=D(median), samples=360,
        first_at=now - timedelta(hours=1), last_at=now,
    )  # fmt: skip


def samples_of(symbol: str = "BTCUSDT") -> list[Decimal]:
    return list(BasisSample.objects.filter(symbol=symbol).order_by("at").values_list("basis_bps", flat=True))
