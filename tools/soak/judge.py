"""Who says whether the desk kept its promises: the oracle of the chaos harness, and what only a whole desk can break.

Rows and venues are read one after the other while the desk trades on, so that what moves between two reads contradicts
itself for an instant. A violation is what stays: the same sentence at every look until patience ends.

Two of the oracle's checks are not asked. Tracebacks in the logs (I8): the desk's database is stopped under it, and
that is logged. Secrets in the logs (I7) are looked for once, at the end.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

Arrivals = list[dict[str, Any]]
Positions = dict[tuple[str, str], Decimal]
LOOK_SECONDS = 1.0
LOOKS = 3


def positions_of(rows: Iterable[dict[str, Any]]) -> Positions:
    held = {(str(row["venue"]), str(row["symbol"])): Decimal(str(row["quantity"])) for row in rows}
    return {key: quantity for key, quantity in held.items() if quantity}


def uneven(positions: Positions, *, held: bool) -> list[str]:
    """Symbols whose venues do not add up to nothing, although no HOLD stands."""
    net: dict[str, Decimal] = {}
    for (_, symbol), quantity in positions.items():
        net[symbol] = net.get(symbol, Decimal(0)) + quantity
    return (
        [] if held else [f"{symbol} is uneven by {value} and no HOLD stands" for symbol, value in net.items() if value]
    )


def lasting(
    ask: Callable[[], list[str]],
    *,
    seconds: float,
    known: frozenset[str] = frozenset(),
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[str]:
    """What is still said when patience ends, and at the looks before; nothing as soon as one look finds nothing new."""
    until, history = clock() + seconds, list[set[str]]()
    while True:
        found = [one for one in ask() if one not in known]
        if not found:
            return []
        history = [*history[1 - LOOKS :], set(found)]
        if clock() > until and len(history) == LOOKS:
            return [one for one in found if all(one in look for look in history)]
        wait(LOOK_SECONDS)


@dataclass
class Judge:
    """``simulator`` asks the control side. Django must be set up for the desk's own database."""

    simulator: Callable[[str], Any]
    arrivals: Arrivals = field(default_factory=list)

    def _standing_hold(self) -> list[tuple[datetime, frozenset[str]]]:
        """The HOLD that stands, with what was on the wire when it began; nothing while none does."""
        from risk.models import DeskState
        from trading.models import Order

        state = DeskState.objects.get(pk=1)
        if not state.hold_active or state.hold_since is None:
            return []
        wire = Order.objects.filter(sending_at__lte=state.hold_since).values_list("client_order_id", flat=True)
        return [(state.hold_since, frozenset(wire))]

    def look(self) -> list[str]:
        """Every promise that is broken at this moment."""
        from django.db import DatabaseError, connections

        try:
            return self._look()
        except httpx.HTTPError as error:
            return [f"the judge cannot ask the venues: {error.__class__.__name__}"]
        except DatabaseError as error:
            # PostgreSQL was restarted under this connection; the next look makes a new one.
            connections.close_all()
            return [f"the judge cannot read the database: {error.__class__.__name__}"]

    def _look(self) -> list[str]:
        from risk.models import DeskState
        from tests.engine import oracle

        self.arrivals = self.simulator("/control/orders")["orders"]
        seen = oracle.Seen(
            orders=self.arrivals,
            positions=positions_of(self.simulator("/control/positions")["positions"]),
            holds=self._standing_hold(),
        )
        checks = [check for check in oracle.CHECKS if check not in (oracle.i7_secrets, oracle.i8_calm)]
        found = [sentence for check in checks for sentence in check(seen)]
        return found + uneven(seen.positions, held=DeskState.objects.get(pk=1).hold_active)


def secrets_in(logs: Path, secrets: Iterable[str]) -> list[str]:
    """Which secrets stand in the desk's logs, by their first characters (I7)."""
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(logs.glob("*.log*")))
    return [f"I7 a secret stands in the logs: {secret[:4]}..." for secret in secrets if secret in text]


def counted() -> dict[str, tuple[int, str]]:
    """What the soak has left in the desk's rows: that nothing was broken says little where nothing was done."""
    from django.db.models import Count

    from approvals.models import ApprovalExecution
    from audit.models import AuditRecord, OpsAlert
    from trading.models import Hedge

    ends = Hedge.objects.filter(simulated=False).values_list("status").annotate(Count("pk")).order_by("status")
    return {
        **{f"hedges {status}": (count, "hedges") for status, count in ends},
        "approvals by a second person": (ApprovalExecution.objects.count(), "approvals"),
        "critical alerts": (OpsAlert.objects.filter(severity="critical").count(), "alerts"),
        "audit records, all verified": (AuditRecord.objects.count(), "records"),
    }
