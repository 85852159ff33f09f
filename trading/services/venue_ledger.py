"""The venues' own ledgers (Binance income, OKX bills): booked as they tell them, funding shared among hedges."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from propbot.clock import utc_now
from trading.ledger_math import Holding, share
from trading.models import FundingPayment, Leg, VenueLedgerEntry
from trading.services.ledger import hedge_refresh
from trading.venues.base import VenueLedgerRow

OVERLAP = timedelta(minutes=2)
FIRST_LOOK = timedelta(hours=1)


def ledger_since(venue: str) -> datetime:
    """From where to read on: a little before the last row, since rows may appear out of order."""
    latest = VenueLedgerEntry.objects.filter(venue=venue).order_by("-at").values_list("at", flat=True).first()
    return latest - OVERLAP if latest else utc_now() - FIRST_LOOK


def ledger_book(*, venue: str, rows: Sequence[VenueLedgerRow]) -> int:
    """Store what is new, each reference once, and share out its funding; how many were new."""
    references = [row.reference for row in rows]
    with transaction.atomic(durable=True):
        known = set(
            VenueLedgerEntry.objects.filter(venue=venue, reference__in=references).values_list("reference", flat=True)
        )
        fresh = [row for row in rows if row.reference not in known]
        VenueLedgerEntry.objects.bulk_create([_entry(venue, row) for row in fresh], ignore_conflicts=True)
        touched: set[UUID] = set()
        for row in fresh:
            if row.kind == "funding":
                touched |= _funding_book(venue, row)
        for hedge_id in touched:
            hedge_refresh(hedge_id=hedge_id)
    return len(fresh)


def _entry(venue: str, row: VenueLedgerRow) -> VenueLedgerEntry:
    return VenueLedgerEntry(
        venue=venue,
        reference=row.reference,
        kind=row.kind,
        symbol=row.symbol,
        amount=row.amount,
        currency=row.currency,
        at=row.at,
        booked_at=utc_now(),
    )


def _holdings(venue: str, symbol: str, at: datetime) -> list[Holding]:
    """Real hedges that had entered there by then and had not ended; the quantity is what they had entered."""
    legs = Leg.objects.filter(venue=venue, symbol=symbol, hedge__simulated=False, entered_quantity__gt=0)
    legs = legs.filter(hedge__created_at__lte=at).filter(Q(hedge__closed_at=None) | Q(hedge__closed_at__gt=at))
    return [
        Holding(leg.hedge_id, leg.entered_quantity, leg.hedge.created_at, leg.hedge.closed_at)
        for leg in legs.select_related("hedge")
    ]


def _funding_book(venue: str, row: VenueLedgerRow) -> set[UUID]:
    """One settlement, shared by quantity; a payment that no hedge held is nobody's, and visible as such."""
    shares: list[tuple[UUID | None, Decimal]] = [*share(row.amount, _holdings(venue, row.symbol, row.at), row.at)]
    shares = shares or [(None, row.amount)]
    FundingPayment.objects.bulk_create(
        [
            FundingPayment(
                venue=venue,
                symbol=row.symbol,
                hedge_id=hedge_id,
                amount_usdt=part,
                reference=row.reference,
                settled_at=row.at,
                booked_at=utc_now(),
            )
            for hedge_id, part in shares
        ],
        ignore_conflicts=True,
    )
    return {hedge_id for hedge_id, _ in shares if hedge_id is not None}
