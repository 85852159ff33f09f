"""The attribution of hedges, read from their rows: two queries for any number of hedges."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from trading.attribution import Attribution, LegTrade, attribute, reference_price
from trading.models import FundingPayment
from trading.selectors.position_rows import AnyHedge, AnyLeg

ZERO = Decimal(0)


def funding_by_hedge(hedges: Sequence[AnyHedge]) -> dict[UUID, Decimal]:
    """Hedge -> USDT received less paid; a hedge without a settlement is absent."""
    if not hedges:
        return {}
    rows = FundingPayment.objects.filter(hedge__in=[hedge.pk for hedge in hedges]).order_by().values_list("hedge_id")
    return dict(rows.annotate(total=Sum("amount_usdt")))


def leg_trade(hedge: AnyHedge, leg: AnyLeg) -> LegTrade:
    return LegTrade(
        position_side=leg.position_side,
        exited=leg.exited_quantity,
        entry_price=leg.entry_price,
        fees_usdt=leg.fees_usdt,
        reference=reference_price(hedge.decision, leg.venue, leg.position_side),
    )


def hedge_attribution(hedge: AnyHedge, legs: Sequence[AnyLeg], funding_usdt: Decimal) -> Attribution | None:
    """None until something is realized: there is nothing to explain yet."""
    if hedge.realized_pnl_usdt is None:
        return None
    return attribute(
        legs=[leg_trade(hedge, leg) for leg in legs],
        first_leg=str(hedge.decision.get("first_leg") or "long"),
        funding_usdt=funding_usdt,
        realized_usdt=hedge.realized_pnl_usdt,
        expected_bps=hedge.expected_net_edge_bps,
        notional_usdt=hedge.notional_usdt,
    )


def attribution_payload(
    hedge: AnyHedge, legs: Sequence[AnyLeg], funding: Mapping[UUID, Decimal]
) -> dict[str, Any] | None:
    found = hedge_attribution(hedge, legs, funding.get(hedge.pk, ZERO))
    return None if found is None else asdict(found)
