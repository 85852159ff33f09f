"""The pre-trade decision (SPEC 7): pure, over frozen facts, in well under 100 µs.

Every comparison reads ``not (x <= limit)``: a figure that is not a number must refuse, never pass (C3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from risk.intents import ExposureSnapshot, OrderIntent, StrategyExposure
from risk.limits import LimitsTable

CAPS_EXCEEDED = "caps_exceeded"
BUDGET_EXCEEDED = "budget_exceeded"
STRATEGY_FROZEN = "strategy_frozen"
OTHER_RISK = "other_risk"
SKIP_REASONS = (CAPS_EXCEEDED, BUDGET_EXCEEDED, STRATEGY_FROZEN, OTHER_RISK)
SKIPPED_BY_RISK = "SKIPPED_BY_RISK"
BUDGET_BLOCKED = "BUDGET_BLOCKED"


@dataclass(frozen=True)
class RiskFlags:
    checks: bool
    caps: bool
    budgets: bool


@dataclass(frozen=True)
class Reserved:
    """What intents in flight may still take, real ones only. Counted like ExposureSnapshot."""

    notional_usdt: Decimal = Decimal(0)
    hedges: int = 0
    per_venue: Mapping[str, Decimal] = field(default_factory=dict)
    per_symbol: Mapping[str, Decimal] = field(default_factory=dict)
    per_strategy: Mapping[str, StrategyExposure] = field(default_factory=dict)


@dataclass(frozen=True)
class StrategyFacts:
    """A strategy's switches and budgets; ``used_today_usdt`` is the realized loss since the last reset."""

    name: str
    enabled: bool
    frozen: bool
    freeze_reason: str
    throttled: bool
    max_notional_usdt: Decimal
    max_open_positions: int
    daily_loss_usdt: Decimal
    used_today_usdt: Decimal

    @property
    def budget_exhausted(self) -> bool:
        """The daily budget is used up; a budget of 0 is used up from the start."""
        return not (self.used_today_usdt < self.daily_loss_usdt)


@dataclass(frozen=True)
class GateFacts:
    flags: RiskFlags
    limits: LimitsTable
    exposure: ExposureSnapshot
    reserved: Reserved
    strategy: StrategyFacts | None
    dry_run: bool


@dataclass(frozen=True)
class GateDecision:
    """``metric_reason`` is one of SKIP_REASONS, also where ``reason`` is the answer's own word.

    ``would_skip`` names what a dry run or a flag that is off let pass.
    """

    allowed: bool
    reason: str
    cap: str = ""
    detail: str = ""
    state: str = ""
    limits_version: int = 0
    metric_reason: str = ""
    would_skip: str = ""

    def answer(self) -> dict[str, Any]:
        """The body of the API's answer."""
        if self.allowed:
            word = "why" if self.reason == "dry_run_no_enforce" else "reason"
            return {"allowed": True, word: self.reason}
        return {
            "status": "skipped",
            "state": self.state,
            "reason": self.reason,
            "cap": self.cap or None,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Breach:
    cap: str
    detail: str


def _over(cap: str, what: str, amount: Decimal | int, limit: Decimal | int) -> Breach | None:
    if amount <= limit:
        return None
    return Breach(cap, f"{what} {amount} exceeds {cap} {limit}")


def _open_positions(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    count = facts.exposure.open_hedges + facts.reserved.hedges + 1
    return _over("max_open_positions", "open positions", count, facts.limits.value("MAX_OPEN_POSITIONS"))


def _total_notional(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    total = facts.exposure.total_notional_usdt + facts.reserved.notional_usdt + intent.notional_usdt
    return _over("max_total_notional_usdt", "total notional", total, facts.limits.value("MAX_TOTAL_NOTIONAL_USDT"))


def _per_exchange(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    for venue in (intent.long_venue, intent.short_venue):
        held = facts.exposure.per_venue.get(venue, Decimal(0)) + facts.reserved.per_venue.get(venue, Decimal(0))
        limit = facts.limits.venue_notional(venue)
        breach = _over("max_notional_per_exchange", f"notional on {venue}", held + intent.notional_usdt, limit)
        if breach:
            return breach
    return None


def _per_symbol(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    symbol = intent.symbol
    held = facts.exposure.per_symbol.get(symbol, Decimal(0)) + facts.reserved.per_symbol.get(symbol, Decimal(0))
    limit = facts.limits.scoped("MAX_POSITION_USDT", symbol)
    return _over("max_position_usdt", f"notional of {symbol}", held + intent.notional_usdt, limit)


def _open_orders(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    """One entry order per venue. The journal's count already holds the orders of intents in flight."""
    for venue in (intent.long_venue, intent.short_venue):
        count = facts.exposure.open_orders.get(venue, 0) + 1
        limit = facts.limits.scoped("MAX_OPEN_ORDERS", venue)
        breach = _over("max_open_orders", f"open orders on {venue}", count, limit)
        if breach:
            return breach
    return None


CAPS: tuple[Callable[[OrderIntent, GateFacts], Breach | None], ...] = (
    _open_positions,
    _total_notional,
    _per_exchange,
    _per_symbol,
    _open_orders,
)


def caps_breach(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    return next((breach for cap in CAPS if (breach := cap(intent, facts))), None)


def capacity_breach(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    """The strategy's own capacity: blocks only its new trades, whatever the flags say."""
    strategy = facts.strategy
    if strategy is None:
        return None
    empty = StrategyExposure()
    held = facts.exposure.per_strategy.get(strategy.name, empty)
    reserved = facts.reserved.per_strategy.get(strategy.name, empty)
    notional = held.open_notional_usdt + reserved.open_notional_usdt + intent.notional_usdt
    count = held.open_hedges + reserved.open_hedges + 1
    return _over("max_notional_usdt", f"notional of {strategy.name}", notional, strategy.max_notional_usdt) or _over(
        "max_open_positions", f"open positions of {strategy.name}", count, strategy.max_open_positions
    )


def _malformed(intent: OrderIntent) -> str:
    for name in ("notional_usdt", "quantity", "leverage"):
        value: Decimal = getattr(intent, name)
        if not value.is_finite() or not (value > 0):
            return f"{name} {value} is not a positive number"
    return ""


def _strategy_refusal(facts: GateFacts) -> tuple[str, str] | None:
    """A frozen or disabled strategy is refused whatever the flags say."""
    strategy = facts.strategy
    if strategy is None:
        return OTHER_RISK, "the strategy is not registered"
    if strategy.frozen:
        return STRATEGY_FROZEN, strategy.freeze_reason or "the strategy is frozen"
    if not strategy.enabled:
        return OTHER_RISK, "strategy_disabled"
    if strategy.throttled:
        return OTHER_RISK, "strategy_throttled: it repeated itself too often; an operator re-enables it"
    return None


def _skip(facts: GateFacts, reason: str, detail: str, cap: str = "") -> GateDecision:
    return GateDecision(False, reason, cap, detail, SKIPPED_BY_RISK, facts.limits.version, reason)


def _budget_skip(facts: GateFacts, breach: Breach) -> GateDecision:
    return GateDecision(
        False,
        "strategy_budget_exceeded",
        breach.cap,
        breach.detail,
        BUDGET_BLOCKED,
        facts.limits.version,
        BUDGET_EXCEEDED,
    )


def _judge(intent: OrderIntent, facts: GateFacts, flags: RiskFlags) -> GateDecision | None:
    """The first refusal under these flags; None allows. Caps come before capacity, which defaults to them."""
    if flags.checks and flags.caps and (breach := caps_breach(intent, facts)):
        return _skip(facts, CAPS_EXCEEDED, breach.detail, breach.cap)
    if breach := capacity_breach(intent, facts):
        return _budget_skip(facts, breach)
    strategy = facts.strategy
    if flags.checks and flags.budgets and strategy and strategy.budget_exhausted:
        detail = f"loss of {strategy.used_today_usdt} USDT today uses up daily_loss_usdt {strategy.daily_loss_usdt}"
        return _skip(facts, BUDGET_EXCEEDED, detail, "daily_loss_usdt")
    return None


ALL_ON = RiskFlags(checks=True, caps=True, budgets=True)


def decide(intent: OrderIntent, facts: GateFacts) -> GateDecision:
    """Allowed, or skipped with its reason. More exposure never turns a no into a yes."""
    if problem := _malformed(intent):
        return _skip(facts, OTHER_RISK, problem)
    if refusal := _strategy_refusal(facts):
        return _skip(facts, *refusal)
    if facts.dry_run:
        would = _judge(intent, facts, ALL_ON)
        reason = "dry_run_no_enforce" if facts.flags.checks else "risk_checks_disabled"
        return GateDecision(
            True, reason, limits_version=facts.limits.version, would_skip=would.metric_reason if would else ""
        )
    if refused := _judge(intent, facts, facts.flags):
        return refused
    reason = "ok" if facts.flags.checks else "risk_checks_disabled"
    return GateDecision(True, reason, limits_version=facts.limits.version)


def request_breach(intent: OrderIntent, facts: GateFacts) -> Breach | None:
    """What makes the request itself 400 ``limit_exceeded`` (SPEC 6).

    Size and leverage always; positions and total notional too, unless the gate answers for them with its 200.
    """
    limits = facts.limits
    own = _over(
        "max_notional_per_position_usdt",
        "notional",
        intent.notional_usdt,
        limits.value("MAX_NOTIONAL_PER_POSITION_USDT"),
    ) or _over("max_leverage", "leverage", intent.leverage, limits.value("MAX_LEVERAGE"))
    if own or (facts.flags.checks and facts.flags.caps):
        return own
    return _open_positions(intent, facts) or _total_notional(intent, facts)
