"""The edge guard with its facts."""

from decimal import Decimal

from propbot.clock import utc_now
from risk.edge import EdgeDecision, EdgeFacts, judge
from risk.intents import OrderIntent
from risk.looks import looked, plainly
from risk.models import Strategy
from risk.ports import ports
from risk.selectors import accounts_in_use, control_read, desk_read
from risk.services.governor import fresh_sample
from risk.services.limits import limits_read
from risk.services.strategies import strategies_live


@looked(plainly, prepared=True)
def throttled_names() -> tuple[str, ...]:
    return tuple(Strategy.objects.filter(throttled=True).values_list("name", flat=True))


def edge_facts_prepare() -> None:
    """Ask what the guard will ask, inside ``looks.prepare()``."""
    throttled_names()
    strategies_live()
    ports().venues()
    ports().exposure()
    ports().execution(utc_now())


def edge_guard(*, intent: OrderIntent | None = None) -> EdgeDecision:
    """May anything be opened now? A refusal is 200 ``skipped``, ``other_risk``, with the reason in ``detail``.

    Raises when a figure cannot be read.
    """
    venues = tuple(ports().venues()) if accounts_in_use() else ()
    needed = control_read().order_notional_usdt
    if intent is not None:
        venues = tuple(item for item in venues if item.venue in (intent.long_venue, intent.short_venue))
        needed = intent.notional_usdt / max(Decimal(1), intent.leverage)
    return judge(
        EdgeFacts(
            hold_active=desk_read().hold_active,
            throttled=throttled_names(),
            entry_stops=tuple(text for _, text in fresh_sample(max_age_seconds=2).entry_stops),
            exposure=ports().exposure(),
            execution=ports().execution(utc_now()),
            venues=venues,
            needed_usdt=needed,
            limits=limits_read(),
        )
    )
