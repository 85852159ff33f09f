"""Which symbols may be traded: one operator takes a symbol out at once, two let one in (law 6)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from approvals.models import ApprovalRequest
from approvals.registry import GuardedAction, guarded_action
from approvals.services import approval_request
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot import config
from propbot.clock import utc_now
from propbot.errors import RefusedError
from trading.models import Instrument, UniverseEntry

SYMBOL = re.compile(r"[A-Z0-9]{2,20}USDT", re.ASCII)
ALLOW = "allow_symbol"


def symbol_checked(text: object) -> str:
    """An uppercase ASCII symbol; look-alikes of other alphabets are refused (RELIABILITY H27)."""
    if not isinstance(text, str) or not SYMBOL.fullmatch(text):
        raise RefusedError("invalid_symbol", "a symbol looks like BTCUSDT", context={"field": "symbol"})
    return text


def _payload(payload: dict[str, Any]) -> dict[str, Any]:
    symbol = symbol_checked(payload.get("symbol"))
    assert_tradable(symbol)
    return {"symbol": symbol}


def assert_tradable(symbol: str) -> None:
    """A hedge needs the symbol on two venues."""
    venues = Instrument.objects.filter(symbol=symbol, active=True).values_list("venue", flat=True)
    if len(set(venues)) < 2:
        message = f"{symbol} is listed on {', '.join(sorted(venues)) or 'no venue'}: a hedge needs two"
        raise RefusedError("symbol_not_tradable", message, context={"symbol": symbol})


def _allowed(symbol: str) -> bool:
    return UniverseEntry.objects.filter(symbol=symbol, allowed=True).exists()


def _effects(payload: dict[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return {"allowed": _allowed(payload["symbol"])}, {"allowed": True}


def _execute(request: ApprovalRequest, payload: dict[str, Any]) -> Mapping[str, Any]:
    universe_write(symbol=payload["symbol"], allowed=True, changed_by=request.requested_by_name)
    return {"symbol": payload["symbol"], "allowed": True}


def register() -> None:
    """Called when Django is ready."""
    guarded_action(
        GuardedAction(
            name=ALLOW,
            payload_schema=_payload,
            sentence=lambda payload: f"Allow trading of {payload['symbol']}",
            effects=_effects,
            execute=_execute,
            preconditions=lambda request: assert_tradable(request.payload["symbol"]),
            current_hold=False,
        )
    )


def universe_write(*, symbol: str, allowed: bool, changed_by: str) -> UniverseEntry:
    """Inside the caller's audited transaction."""
    entry, _ = UniverseEntry.objects.update_or_create(
        symbol=symbol, defaults={"allowed": allowed, "changed_at": utc_now(), "changed_by": changed_by}
    )
    return entry


def symbol_disallow(*, symbol: str, reason: str) -> UniverseEntry:
    """At once. Open hedges of the symbol stay under watch: this refuses entries only."""
    symbol_checked(symbol)
    with audited():
        entry = universe_write(symbol=symbol, allowed=False, changed_by=current_actor().name)
        record(action="disallow_symbol", target=symbol, details={"reason": reason})
    alert(kind="universe", severity="info", text=f"{symbol} may no longer be traded ({current_actor().name})")
    return entry


def symbol_allow_request(*, symbol: str, reason: str) -> ApprovalRequest | None:
    """Asks for a second person; None when it is allowed already."""
    if _allowed(symbol_checked(symbol)):
        return None
    return approval_request(action=ALLOW, target=symbol, payload={"symbol": symbol}, reason=reason)


def universe_seed(*, symbols: Sequence[str]) -> list[str]:
    """The symbols of an installation, by its administrator: in the simulator profile, or while none was ever
    decided upon. Later ones take two operators. Answers what was newly allowed."""
    wanted = [symbol_checked(symbol) for symbol in symbols]
    known = set(UniverseEntry.objects.filter(changed_at__isnull=False).values_list("symbol", flat=True))
    if known and config.values().text("PROFILE") != "simulator":
        raise RefusedError("already_seeded", "symbols were decided upon before: ask two operators", status=409)
    new = [symbol for symbol in wanted if symbol not in known]
    if new:
        with audited():
            for symbol in new:
                universe_write(symbol=symbol, allowed=True, changed_by="installation")
                record(action="seed_universe", target=symbol, details={"allowed": True})
    return new
