"""The gate with its facts, its counters and its rows."""

from propbot.clock import utc_now
from propbot.errors import RefusedError
from propbot.metrics import RISK_SKIPS
from risk.gate import GateDecision, decide, request_breach
from risk.intents import OrderIntent
from risk.looks import looked
from risk.models import RiskSkip
from risk.services.facts import gate_facts

# What the gate says is said again by the reservation, under its lock and with figures of that moment.
_facts = looked(lambda *, strategy, dry_run: (strategy, dry_run), prepared=True)(gate_facts)


def gate_facts_prepare(*, strategy: str) -> None:
    """Ask what the gate will ask of a real intent, inside ``looks.prepare()``."""
    _facts(strategy=strategy, dry_run=False)


def risk_gate(*, intent: OrderIntent, dry_run: bool) -> GateDecision:
    """May this intent be traded? A skip is an answer, not an error; the caller records it with ``skip_record``.

    Raises when exposure, PnL or limits cannot be read: nothing passes unread (law 9).
    """
    return decide(intent, _facts(strategy=intent.strategy, dry_run=dry_run))


def request_limits_check(intent: OrderIntent) -> None:
    """Raises RefusedError 400 ``limit_exceeded`` with ``cap`` for a request that is too large in itself."""
    breach = request_breach(intent, _facts(strategy=intent.strategy, dry_run=intent.simulated))
    if breach:
        raise RefusedError("limit_exceeded", breach.detail, context={"cap": breach.cap})


def skip_record(*, intent: OrderIntent, decision: GateDecision, enforced: bool = True) -> RiskSkip:
    """The row and the metric of a skip. What a dry run let pass is a row too, marked as not enforced."""
    reason = decision.metric_reason or decision.would_skip or decision.reason
    if enforced:
        RISK_SKIPS.labels(reason=reason, strategy=intent.strategy).inc()
    return RiskSkip.objects.create(
        at=utc_now(),
        strategy=intent.strategy,
        symbol=intent.symbol,
        reason=reason,
        state=decision.state,
        cap=decision.cap,
        detail=decision.detail,
        notional_usdt=intent.notional_usdt,
        initiator=intent.initiator,
        simulated=intent.simulated,
        enforced=enforced,
        limits_version=decision.limits_version or None,
    )
