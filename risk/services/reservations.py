"""Exposure and budget of intents in flight: reserved with the journal row, ended with the intent."""

from uuid import UUID

from propbot import statements
from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.choices import ReservationStatus
from risk.gate import GateDecision, decide, request_breach
from risk.intents import OrderIntent
from risk.looks import Ahead
from risk.models import Reservation
from risk.services.facts import gate_facts, reserved_now, strategy_stored
from risk.services.limits import limits_newest
from risk.services.locks import reservations_lock


def _refuse(decision: GateDecision) -> None:
    raise RefusedError(
        decision.metric_reason or decision.reason,
        decision.detail or decision.reason,
        status=409,
        context={"cap": decision.cap, "state": decision.state, "reason": decision.reason, "decision": decision},
    )


def _recheck(intent: OrderIntent) -> int:
    """The same judgement as the gate's, now alone under the lock and over everything committed before."""
    facts = gate_facts(strategy=intent.strategy, dry_run=intent.simulated)
    if not intent.simulated and (breach := request_breach(intent, facts)):
        raise RefusedError("limit_exceeded", breach.detail, context={"cap": breach.cap})
    decision = decide(intent, facts)
    if not decision.allowed:
        _refuse(decision)
    return facts.limits.version


def reservation_create(*, hedge_id: UUID, intent: OrderIntent, limits_version: int) -> Reservation:
    """Inside the journal transaction, after the desk lock and before its orders are inserted (they would count).

    The lock is held until that transaction ends, so concurrent intents cannot pass together what they could
    not pass one by one. Raises RefusedError ``caps_exceeded``, ``budget_exceeded``, ``strategy_frozen``,
    ``other_risk`` (context: cap, state, reason, and the decision) or ``limit_exceeded``.
    """
    reservations_lock()
    reservation = reservation_draft(hedge_id=hedge_id, intent=intent, limits_version=limits_version)
    statements.insert(reservation)
    return reservation


def reservation_reads(intent: OrderIntent) -> list[Ahead]:
    """What of the risk floor the comparison goes by, to be asked ahead."""
    return [limits_newest.ahead(), reserved_now.ahead(), strategy_stored.ahead(intent.strategy)]


def reservation_draft(*, hedge_id: UUID, intent: OrderIntent, limits_version: int) -> Reservation:
    """The same by whoever holds the lock already; the caller stores the row with its own."""
    version = _recheck(intent)
    return Reservation(
        hedge_id=hedge_id,
        strategy=intent.strategy,
        symbol=intent.symbol,
        long_venue=intent.long_venue,
        short_venue=intent.short_venue,
        notional_usdt=intent.notional_usdt,
        simulated=intent.simulated,
        limits_version=max(version, limits_version),
        created_at=utc_now(),
    )


def reservation_end(*, hedge_id: UUID, converted: bool = False) -> bool:
    """In the transaction that turns the hedge open (``converted``), failed or closed. False when it had ended."""
    status = ReservationStatus.CONVERTED if converted else ReservationStatus.RELEASED
    held = Reservation.objects.filter(hedge_id=hedge_id, status=ReservationStatus.HELD)
    return held.update(status=status, ended_at=utc_now()) == 1
