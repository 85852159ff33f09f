"""The orphan-leg policy (SPEC 6, RELIABILITY S6) as one pure function: what is known of a hedge -> what to do next.

Quantities are base units, times seconds. The same function decides in the opening call, in the sweep and after a
crash, so that there is one table and not three.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.sizing import common_lot, round_down

ZERO = Decimal(0)
MAX_REHEDGES = 2


class Step(StrEnum):
    MATCHED = "matched"  # both legs hold the same: open
    EMPTY = "empty"  # nothing is held and nothing can come: failed, or closed
    WAIT = "wait"  # an order is unproven: quarantine, ask again
    REHEDGE = "rehedge"  # open the missing leg once more
    REDUCE = "reduce"  # reduce-only, by the quantities given
    KEEP = "keep"  # partial, by policy or because somebody must decide
    PAGE = "page"  # HOLD and alarm; keep what is held


@dataclass(frozen=True)
class UnprovenOrder:
    """``answers``: its venue answered the last question; ``expired``: the venue must refuse it by now;
    ``not_found``: the last answer was that it does not know it."""

    leg: str
    reduces: bool
    answers: bool
    expired: bool
    not_found: bool

    @property
    def as_good_as_gone(self) -> bool:
        return self.answers and self.expired and self.not_found


@dataclass(frozen=True)
class OrphanFacts:
    """What is proved. ``loss_bps`` is what the held leg has lost since its fill (None: no fresh price).

    ``may_open`` is false under HOLD, SAFE_MODE, in recovery, without the plan, or when the desk cannot be read.
    """

    long_held: Decimal
    short_held: Decimal
    long_lot: Decimal
    short_lot: Decimal
    unproven: tuple[UnprovenOrder, ...]
    orphan_seconds: float
    deadline_seconds: float
    flattens: bool
    may_open: bool
    rehedges: int
    rehedge_loss_bps: Decimal | None
    loss_bps: Decimal | None
    loss_cap_bps: Decimal


@dataclass(frozen=True)
class Decision:
    """``long`` and ``short``: what to reduce there, or for REHEDGE what to add."""

    step: Step
    reason: str
    long: Decimal = ZERO
    short: Decimal = ZERO


def matched(facts: OrphanFacts) -> bool:
    """Equal, or no venue has a lot small enough to make them so; what is left then is less than one coarser lot
    (law 8) and is told."""
    if min(facts.long_held, facts.short_held) <= 0:
        return False
    trim = _trim(facts)
    return trim.long < facts.long_lot and trim.short < facts.short_lot


def _flatten(facts: OrphanFacts, reason: str) -> Decision:
    return Decision(Step.REDUCE, reason, long=facts.long_held, short=facts.short_held)


def _trim(facts: OrphanFacts) -> Decision:
    """Both legs to the largest common quantity: the smaller one, or where the grids differ, its last common lot."""
    if facts.long_held == facts.short_held:
        return Decision(Step.REDUCE, "trim")
    lot = common_lot(facts.long_lot, facts.short_lot)
    target = round_down(min(facts.long_held, facts.short_held), lot)
    return Decision(Step.REDUCE, "trim", long=facts.long_held - target, short=facts.short_held - target)


def _capped(facts: OrphanFacts) -> bool:
    return facts.loss_bps is not None and facts.loss_bps >= facts.loss_cap_bps


def _with_unproven(facts: OrphanFacts) -> Decision:
    """No second order on an unproven leg; the other one waits, until the deadline or the loss cap."""
    held = facts.long_held + facts.short_held
    if not held or facts.long_held == facts.short_held:
        return Decision(Step.WAIT, "unproven")
    if all(order.reduces for order in facts.unproven):
        return _repeat_reduction(facts)
    if _capped(facts):
        return _flatten(facts, "loss_cap")
    if facts.orphan_seconds < facts.deadline_seconds:
        return Decision(Step.WAIT, "unproven")
    if all(order.as_good_as_gone for order in facts.unproven):
        return _flatten(facts, "deadline") if facts.flattens else Decision(Step.PAGE, "deadline")
    return Decision(Step.PAGE, "unproven_at_deadline")


def _repeat_reduction(facts: OrphanFacts) -> Decision:
    """A reduction may be repeated after a query: reduce-only cannot pass through zero (S6)."""
    if all(order.as_good_as_gone for order in facts.unproven):
        return _one_sided(facts)
    late = facts.orphan_seconds >= facts.deadline_seconds
    return Decision(Step.PAGE if late else Step.WAIT, "reduction_unproven")


def _rehedge_allowed(facts: OrphanFacts) -> bool:
    loss = facts.rehedge_loss_bps
    return (
        facts.may_open
        and facts.rehedges < MAX_REHEDGES
        and loss is not None
        and loss <= facts.loss_cap_bps
        and facts.orphan_seconds < facts.deadline_seconds
    )


def _one_sided(facts: OrphanFacts) -> Decision:
    if min(facts.long_held, facts.short_held) > 0:
        return _trim(facts)
    if _rehedge_allowed(facts):
        return Decision(Step.REHEDGE, "rehedge", long=facts.short_held, short=facts.long_held)
    if facts.flattens:
        return _flatten(facts, "flatten")
    return Decision(Step.KEEP, "orphan_policy_hold")


def decide(facts: OrphanFacts) -> Decision:
    """The next step for a hedge that was meant to open."""
    if facts.unproven:
        return _with_unproven(facts)
    if facts.long_held == facts.short_held == 0:
        return Decision(Step.EMPTY, "nothing_held")
    if matched(facts):
        return Decision(Step.MATCHED, "matched")
    return _one_sided(facts)
