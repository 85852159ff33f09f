"""Judging a past intent again, by the limits that it was judged by (``manage.py explain_order``)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from risk.gate import ALL_ON, CAPS, GateDecision, GateFacts, Reserved, StrategyFacts, decide, request_breach
from risk.intents import ExposureSnapshot, OrderIntent
from risk.limits import LimitsTable
from risk.models import Reservation, StrategyEvent
from risk.services.facts import strategy_facts, sum_reservations
from risk.services.limits import limits_of_version, limits_read


@dataclass(frozen=True)
class Explanation:
    """The decision under that version with every flag on, and what each cap finds by itself."""

    limits: LimitsTable
    decision: GateDecision
    request: str
    caps: tuple[tuple[str, str], ...]
    reserved: Reserved


def reserved_at(moment: datetime, *, but: UUID) -> Reserved:
    """What other real intents had reserved at that moment."""
    rows = Reservation.objects.filter(Q(ended_at=None) | Q(ended_at__gt=moment), created_at__lt=moment, simulated=False)
    return sum_reservations(rows.exclude(hedge_id=but))


def _switch_at(name: str, moment: datetime, *, on: str, off: frozenset[str], today: bool) -> bool:
    """A switch as it stood at ``moment``: by the last event before it, else the opposite of the first one after."""
    events = StrategyEvent.objects.filter(strategy_id=name, kind__in=[on, *off]).order_by("id")
    before = events.filter(at__lte=moment).values_list("kind", flat=True).last()
    if before is not None:
        return before == on
    after = events.filter(at__gt=moment).values_list("kind", flat=True).first()
    return today if after is None else after != on


def strategy_at(name: str, moment: datetime) -> StrategyFacts | None:
    """Frozen, enabled and throttled as the strategy's events tell; the budgets' values are today's."""
    today = strategy_facts(name)
    if today is None:
        return None
    return replace(
        today,
        frozen=_switch_at(name, moment, on="freeze", off=frozenset({"unfreeze"}), today=today.frozen),
        enabled=_switch_at(name, moment, on="enable", off=frozenset({"disable"}), today=today.enabled),
        throttled=_switch_at(name, moment, on="throttle", off=frozenset({"enable", "unfreeze"}), today=today.throttled),
    )


def explain(
    *, intent: OrderIntent, exposure: ExposureSnapshot, moment: datetime, hedge_id: UUID, version: int | None
) -> Explanation:
    """``exposure`` is what stood at that moment. The strategy's switches are those of then, its budgets today's."""
    limits = limits_of_version(version) if version else limits_read()
    facts = GateFacts(
        flags=ALL_ON,
        limits=limits,
        exposure=exposure,
        reserved=reserved_at(moment, but=hedge_id),
        strategy=strategy_at(intent.strategy, moment),
        dry_run=False,
    )
    breach = request_breach(intent, facts)
    caps = []
    for cap in CAPS:
        found = cap(intent, facts)
        caps.append((cap.__name__.strip("_"), found.detail if found else "within its limit"))
    return Explanation(limits, decide(intent, facts), breach.detail if breach else "", tuple(caps), facts.reserved)
