"""Reconciliation as arithmetic: what the books say against what a venue says -> findings. Pure.

Invariants: a key that was not read on the venue's side gives no finding and no cleanliness; a finding names one venue
and symbol, or for the delta one symbol; quantities are signed base units, notionals USDT.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)
Key = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """One difference: what both sides say. ``notional_usdt`` is None without a price."""

    kind: str
    venue: str
    symbol: str
    ours: str | None
    theirs: str | None
    notional_usdt: Decimal | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.venue, self.symbol


@dataclass(frozen=True)
class Side:
    """One venue's answer: signed positions by symbol and client order ids of open orders."""

    venue: str
    positions: Mapping[str, Decimal]
    open_orders: Mapping[str, str]
    marks: Mapping[str, Decimal] = field(default_factory=dict)


def _notional(quantity: Decimal, mark: Decimal | None) -> Decimal | None:
    return None if mark is None else abs(quantity) * mark


def position_findings(
    books: Mapping[Key, Decimal], side: Side, *, lots: Mapping[Key, Decimal], ignore: Collection[Key]
) -> list[Finding]:
    """Positions that differ by a lot or more. One that the books do not know at all is foreign: shown, never adopted."""
    ours = {symbol: quantity for (venue, symbol), quantity in books.items() if venue == side.venue}
    found = []
    for symbol in sorted(ours.keys() | side.positions.keys()):
        key = (side.venue, symbol)
        book, theirs = ours.get(symbol, ZERO), side.positions.get(symbol, ZERO)
        difference = theirs - book
        if key in ignore or abs(difference) < lots.get(key, Decimal("1e-18")):
            continue
        kind = "position" if book else "foreign_position"
        notional = _notional(difference, side.marks.get(symbol))
        found.append(Finding(kind, side.venue, symbol, str(book), str(theirs), notional))
    return found


def order_findings(
    books: Mapping[str, str], side: Side, *, known: Collection[str], ignore: Collection[Key]
) -> list[Finding]:
    """``books``: client id -> symbol of orders that the books hold open there; ``known``: every id that is ours.

    An open order under an id that is not ours is foreign; one of ours that the venue does not list is missing.
    """
    foreign = sorted({s for client_id, s in side.open_orders.items() if client_id not in known})
    missing = sorted({s for client_id, s in books.items() if client_id not in side.open_orders})
    found = [
        Finding("foreign_order", side.venue, symbol, None, _ids(side.open_orders, symbol, known)) for symbol in foreign
    ]
    found += [
        Finding("missing_order", side.venue, symbol, _ids(books, symbol, ()), None)
        for symbol in missing
        if (side.venue, symbol) not in ignore
    ]
    return found


def _ids(orders: Mapping[str, str], symbol: str, known: Collection[str]) -> str:
    return ", ".join(sorted(i for i, of_symbol in orders.items() if of_symbol == symbol and i not in known))


def delta_findings(
    sides: Iterable[Side],
    *,
    symbols: Collection[str],
    common_lots: Mapping[str, Decimal],
    ignore: Collection[Key],
    allowed: Mapping[str, Decimal],
) -> list[Finding]:
    """Base delta per underlying over all venues, within one common lot of what partial hedges are known to leave
    (``allowed``). Needs every venue's answer."""
    totals: dict[str, Decimal] = dict.fromkeys(symbols, ZERO)
    marks: dict[str, Decimal] = {}
    skipped = {symbol for _, symbol in ignore}
    for side in sides:
        marks.update(side.marks)
        for symbol in totals:
            totals[symbol] += side.positions.get(symbol, ZERO)
    return [
        Finding("delta", "", symbol, str(allowed.get(symbol, ZERO)), str(total), _notional(total, marks.get(symbol)))
        for symbol, total in sorted(totals.items())
        if symbol not in skipped and abs(total - allowed.get(symbol, ZERO)) >= common_lots.get(symbol, Decimal("1e-18"))
    ]


def wallet_finding(
    venue: str, *, before: Decimal, ledger: Decimal, now: Decimal, tolerance: Decimal = Decimal("0.01")
) -> Finding | None:
    """The wallet must have moved by what the venue's own ledger says, to the cent."""
    expected = before + ledger
    if abs(now - expected) <= tolerance:
        return None
    return Finding("balance", venue, "", str(expected), str(now), abs(now - expected))
