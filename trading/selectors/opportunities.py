"""The latest opportunity, as the desk stands now."""

from datetime import datetime
from typing import Any

from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.selectors import desk_read
from trading.choices import OpportunityStatus
from trading.models import Opportunity, TaskState
from trading.selectors.desk_checks import assert_entry_possible

SHOWN = (
    "id", "symbol", "long_venue", "short_venue", "spread", "spread_bps", "net_edge_bps", "costs", "quotes",
    "notional_suggestion", "leverage_suggestion", "created_at", "expires_at",
)  # fmt: skip
NEVER_SCANNED = "never_scanned"
DESK_REASONS = frozenset(
    {"hold_active", "safe_mode", "not_running", "reduce_only", "reconciling", "blocked", "quarantined"}
)


def opportunity_latest(now: datetime) -> Opportunity | None:
    """The newest scan's, until it expires."""
    latest = Opportunity.objects.order_by("-created_at").first()
    return latest if latest is not None and latest.expires_at > now else None


def opportunity_best_allowed(now: datetime) -> Opportunity | None:
    latest = opportunity_latest(now)
    return latest if latest is not None and latest.status == OpportunityStatus.ALLOWED else None


def opportunity_payload() -> dict[str, Any]:
    """What was found, and whether it may be traded now: a HOLD that came after the scan blocks it at once."""
    opportunity = opportunity_latest(utc_now())
    if opportunity is None:
        scanned = TaskState.objects.filter(name="scanner").first()
        reason = (scanned.details.get("blocked_reason") or "stale_quote") if scanned else NEVER_SCANNED
        return {"opportunity": None, "status": OpportunityStatus.BLOCKED_BY_RISK, "blocked_reason": reason}
    reason = desk_reason(opportunity) or _own_reason(opportunity)
    return {
        "opportunity": {name: getattr(opportunity, name) for name in SHOWN},
        "status": OpportunityStatus.BLOCKED_BY_RISK if reason else OpportunityStatus.ALLOWED,
        "blocked_reason": reason or None,
    }


def _own_reason(opportunity: Opportunity) -> str:
    """Why the scan itself held it back; what the desk said then may have passed since, and the next scan tells."""
    return "rescan_pending" if opportunity.blocked_reason in DESK_REASONS else opportunity.blocked_reason


def desk_reason(opportunity: Opportunity) -> str:
    try:
        assert_entry_possible(
            symbol=opportunity.symbol,
            venues=(opportunity.long_venue, opportunity.short_venue),
            epoch=desk_read().trader_epoch,
        )
    except RefusedError as refused:
        return refused.code
    return ""
