"""For each mutating cell what makes it do its work: a proper body, and what must stand before it is asked."""

import uuid
from datetime import timedelta
from typing import Any

from approvals.models import ApprovalRequest
from approvals.services import approval_decide, approval_withdraw
from approvals.services.glass import glass_seal
from propbot.clock import utc_now
from risk.models import Strategy
from risk.services.control import control_change
from risk.services.desk import hold_engage, resume_request
from risk.services.strategies import strategy_freeze
from tests.access.matrix import ZERO
from tests.access.people import APPROVE_TOKEN, Cast
from tests.trading.market import put_quotes
from tests.trading.rows import hedge_row
from trading.models import Opportunity

REASON: dict[str, Any] = {"reason": "proper"}
NAME = "cross_exchange_arb"
STRATEGY = {**REASON, "strategy": NAME}
TOKEN = {**REASON, "token": APPROVE_TOKEN}
ENTRY = {"symbol": "BTCUSDT", "min_spread_bps": "1"}
BODIES: dict[str, dict[str, Any]] = {
    "api/arb/execute": {**REASON, **ENTRY, "notion_usdt": "100", "leverage": "2"},
    "api/arb/preview": ENTRY,
    "api/ui/access": {**REASON, "action": "role_change", "person": "vera", "role": "auditor"},
    "api/ui/budget/reset": STRATEGY,
    "api/ui/control": {**REASON, "order_notional_usdt": "100"},
    "api/ui/dashboard-budget-reset": STRATEGY,
    "api/ui/dashboard-control": {**REASON, "change": "auto_hedge_on"},
    "api/ui/dashboard-unfreeze-strategy": STRATEGY,
    "api/ui/limits": {**REASON, "name": "MAX_TOTAL_NOTIONAL_USDT", "value": "80000"},
    "api/ui/secret": {**REASON, "value": "a-new-secret"},
    "api/ui/set-strategy-enabled": {**STRATEGY, "enabled": False},
    "api/ui/strategy/disable": STRATEGY,
    "api/ui/strategy/enable": STRATEGY,
    "api/ui/unfreeze-strategy": STRATEGY,
    "api/ui/unfreeze-strategy-request": STRATEGY,
    "api/ui/universe/<str:symbol>": {**REASON, "allowed": False},
}
# What alice confirms here, bob asked for there.
ASKED_AT: dict[str, str] = {
    "api/ui/approvals/<uuid:approval_id>/approve": "api/ui/kill-request",
    "api/ui/approvals/<uuid:approval_id>/deny": "api/ui/kill-request",
    "api/ui/cancel-all-confirm": "api/ui/cancel-all-request",
    "api/ui/cancel-all/confirm": "api/ui/cancel-all-request",
    "api/ui/dashboard-approve": "api/ui/kill-request",
    "api/ui/kill-confirm": "api/ui/kill-request",
    "api/ui/resume-confirm": "api/ui/resume-request",
    "api/ui/unfreeze-strategy-confirm": "api/ui/unfreeze-strategy-request",
    "api/ui/unfreeze-strategy/confirm": "api/ui/unfreeze-strategy-request",
}


def _withdraw_all() -> None:
    for row in ApprovalRequest.objects.filter(status="pending").select_related("requested_by"):
        approval_withdraw(row=row, person=row.requested_by)


def _newest() -> ApprovalRequest:
    return ApprovalRequest.objects.order_by("-requested_at")[0]


def _approve(cast: Cast, row: ApprovalRequest) -> None:
    with cast.bob.acting():
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def _ready_to_resume(cast: Cast) -> None:
    with cast.alice.acting():
        asked = resume_request(reason="proper")
    _approve(cast, asked)
    with cast.alice.acting():
        loosened = control_change(changes={"safe_mode": False}, reason="proper").requests
    for row in loosened:
        _approve(cast, row)


def _decision(pattern: str, path: str, cast: Cast) -> tuple[str, dict[str, Any]]:
    asked_at = ASKED_AT[pattern]
    asked = cast.bob.post("/" + asked_at, BODIES.get(asked_at, REASON))
    assert asked.status_code in (200, 202), asked.content
    row, body = _newest(), dict(TOKEN)
    if pattern == "api/ui/dashboard-approve":
        body |= {"approval_id": str(row.pk), "payload_digest": row.payload_digest, "decision": "deny"}
    if "strategy" in pattern:
        body |= {"strategy": NAME}
    return path.replace(ZERO, str(row.pk)), body


def _opportunity() -> Opportunity:
    now = utc_now()
    return Opportunity.objects.create(
        symbol="BTCUSDT", strategy=NAME, long_venue="binance-um", short_venue="okx-perp", spread=44, spread_bps=5,
        notional_suggestion=100, leverage_suggestion=2, status="allowed", created_at=now,
        expires_at=now + timedelta(minutes=5), id=uuid.uuid4(),
    )  # fmt: skip


def stand(pattern: str, cast: Cast) -> None:
    """HOLD, nothing pending, and what this route needs beside it."""
    hold_engage(reason="proper", source="operator")
    _withdraw_all()
    if pattern in ("api/ui/resume", "api/ui/dashboard-resume"):
        _ready_to_resume(cast)
    if "unfreeze" in pattern:
        strategy_freeze(name=NAME, reason="proper")
    if pattern == "api/arb/preview":
        put_quotes()  # fresh ones
    if "budget" in pattern:
        Strategy.objects.update(reset_by_hand_on=None)
    if pattern == "api/ui/strategy/enable":
        cast.alice.post("/api/ui/strategy/disable", STRATEGY)


def prepared(pattern: str, path: str, cast: Cast) -> tuple[str, dict[str, Any]]:
    """The path and the body with which alice does what the route is for."""
    stand(pattern, cast)
    if pattern in ASKED_AT:
        return _decision(pattern, path, cast)
    if pattern.endswith("/withdraw"):
        cast.alice.post("/api/ui/kill-request", REASON)
        return path.replace(ZERO, str(_newest().pk)), REASON
    if "<uuid:hedge_id>" in pattern:
        return path.replace(ZERO, str(hedge_row().pk)), REASON
    if pattern == "api/ui/break-glass":
        codes = [code.text for code in glass_seal(count=3)]
        return path, {**REASON, "action": "hold", "codes": codes[:2]}
    if pattern == "api/arb/confirm":
        return path, {"opportunity_id": str(_opportunity().pk), "token": cast.alice.token}
    return path, BODIES.get(pattern, REASON)
