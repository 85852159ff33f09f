"""Autopilot: once per start, with every blocker on the record (SPEC 4)."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError

from audit.context import AUTOPILOT, acting_as
from audit.services import alert, audited, record
from propbot.config import values
from risk import hold_file
from risk.autopilot import AutopilotFacts, EarlierStart, StartFacts, blockers, ready_to_decide
from risk.choices import AutopilotVerdict, DeskMode
from risk.intents import PnlFigures, StrategyPnl
from risk.models import AutopilotDecision, DeskStart, DeskState
from risk.ports import ports
from risk.selectors import desk_read
from risk.services.facts import strategy_facts_of
from risk.services.governor import fresh_sample
from risk.services.hold import desk_row_for_change, hold_release_file
from risk.services.notices import notify
from risk.services.runaway import runaway_state
from risk.services.strategies import strategies_all


def _earlier(epoch: int) -> EarlierStart | None:
    row = DeskStart.objects.filter(epoch__lt=epoch).order_by("-epoch").first()
    return EarlierStart(row.fingerprint, row.started_at, row.stopped_at is not None) if row else None


def _start_facts(row: DeskStart) -> StartFacts:
    return StartFacts(row.epoch, row.hold_id, row.fingerprint, row.started_at, row.previous)


def _exhausted(pnl: PnlFigures, now: datetime) -> tuple[str, ...]:
    facts = [strategy_facts_of(row, pnl.per_strategy.get(row.name, StrategyPnl()), now) for row in strategies_all()]
    return tuple(item.name for item in facts if item.budget_exhausted)


def _foreign_file(hold_id: int) -> bool:
    return hold_file.present() and (hold_file.read() or {}).get("hold_id") != hold_id


def _facts(start: DeskStart, now: datetime) -> AutopilotFacts:
    strategies = strategies_all()
    sample = fresh_sample()
    return AutopilotFacts(
        start=_start_facts(start),
        earlier=_earlier(start.epoch),
        hold_id=desk_read().hold_id,
        foreign_hold_file=_foreign_file(start.hold_id),
        runaway=runaway_state().near_limit,
        failing_strategies=tuple(row.name for row in strategies if row.consecutive_failures),
        frozen_strategies=tuple(row.name for row in strategies if row.frozen or row.throttled),
        exhausted_budgets=_exhausted(ports().pnl(now), now),
        venues=tuple(ports().venues()),
        configuration_problems=tuple(item.name for item in settings.PROPBOT_PROBLEMS),
        clean_rounds=ports().reconciliation_clean_rounds(start.epoch),
        unproven_orders=ports().unproven_orders(),
        partial_hedges=ports().exposure().partial_hedges,
        breaches=tuple(text for _, text in [*sample.breaches, *sample.entry_stops]),
    )


def _decide(row: DeskState, start: DeskStart, found: list[str], now: datetime) -> AutopilotDecision:
    verdict = AutopilotVerdict.REFUSE if found else AutopilotVerdict.RESUME
    return AutopilotDecision.objects.create(
        trader_epoch=start.epoch,
        hold_id=row.hold_id,
        verdict=verdict,
        reason="; ".join(found) or "every blocker is clear",
        blockers=found,
        at=now,
    )


def _apply(row: DeskState, decision: AutopilotDecision, now: datetime) -> None:
    resumed = decision.verdict == AutopilotVerdict.RESUME
    if resumed:
        row.hold_active, row.safe_mode, row.mode = False, False, DeskMode.RUN
        row.last_released_at = now
        hold_release_file(row.hold_id)
    row.autopilot_armed = resumed
    row.autopilot_last_action = "resumed" if resumed else "refused"
    row.autopilot_last_decision, row.autopilot_reason = decision.verdict, decision.reason
    row.autopilot_at, row.changed_at = now, now
    row.save()


def _tell(decision: AutopilotDecision, simulated: bool) -> None:
    if decision.verdict == AutopilotVerdict.RESUME:
        text = f"AUTOPILOT: resumed trading after restart (reason={decision.reason})"
        alert(kind="autopilot_resume", severity="warning", text=text, simulated=simulated)
    else:
        text = f"AUTOPILOT refused to arm (reason={decision.reason})"
        alert(kind="autopilot_resume_refused", severity="warning", text=text, simulated=simulated)


def _resolve(start: DeskStart, now: datetime) -> AutopilotDecision:
    found = blockers(_facts(start, now))
    with audited():
        row = desk_row_for_change()
        if row.hold_id != start.hold_id and not found:
            found = [f"manual_hold: HOLD #{row.hold_id} came after the start's own"]
        if row.trader_epoch != start.epoch:
            found.append("fenced: another trader has started")
        decision = _decide(row, start, found, now)
        _apply(row, decision, now)
        action = "autopilot_resume" if decision.verdict == AutopilotVerdict.RESUME else "autopilot_resume_refused"
        record(
            action=action,
            target="desk",
            status="denied" if found else "executed",
            details={"epoch": start.epoch, "blockers": found},
        )
        notify("desk")
    _tell(decision, row.dry_run)
    return decision


def autopilot_evaluate(*, now: datetime) -> AutopilotDecision | None:
    """Decide once per start, when the second clean round or 120 s have passed; None while there is nothing to decide.

    Never call it inside a transaction.
    """
    start = DeskStart.objects.order_by("-epoch").first()
    if not values().flag("AUTOPILOT_ENABLE") or start is None or not desk_read().autopilot_permitted:
        return None
    made = AutopilotDecision.objects.filter(trader_epoch=start.epoch).first()
    if made:
        return None
    rounds = ports().reconciliation_clean_rounds(start.epoch)
    if not ready_to_decide(clean_rounds=rounds, started_at=start.started_at, now=now):
        return None
    with acting_as(AUTOPILOT):
        try:
            return _resolve(start, now)
        except IntegrityError:
            return None  # another process decided for this epoch first
