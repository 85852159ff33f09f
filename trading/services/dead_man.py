"""The dead man's switch (RELIABILITY S8): the venues cancel resting orders when the trader dies.

The beat comes from the thread that holds the lease, and only after a clean write to the database: a trader that can
no longer journal must let its orders be canceled. It protects resting orders, never positions.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic

import structlog

from audit.services import alert
from risk.services.hold import hold_engage_unless_held
from trading.choices import OrderStatus, TimeInForce
from trading.models import Order
from trading.runtime.handle import TraderRuntime
from trading.venues.base import OutcomeKind

log = structlog.get_logger(__name__)
# (seconds between beats, seconds of the venue's timer): Binance every 10-30 s with 60-120 s, OKX 1-5 s with 15-30 s.
RHYTHM = {"binance-um": (12.0, 90.0)}
DEFAULT_RHYTHM = (3.0, 30.0)
MISSED_BEATS = 2


@dataclass
class Armed:
    """One venue's timer: for which symbols, since when, and how many beats in a row failed."""

    symbols: set[str] = field(default_factory=set)
    beat_at: float = 0.0
    missed: int = 0


@dataclass
class DeadMan:
    """Keeps the timers alive while orders rest, and disarms them when none does."""

    armed: dict[str, Armed] = field(default_factory=lambda: defaultdict(Armed))

    def beat(self, runtime: TraderRuntime) -> None:
        """Call often; each venue beats at its own rhythm."""
        resting = resting_symbols()
        for venue in runtime.clients:
            self._venue(runtime, venue, resting.get(venue, set()))

    def _venue(self, runtime: TraderRuntime, venue: str, symbols: set[str]) -> None:
        state = self.armed[venue]
        every, seconds = RHYTHM.get(venue, DEFAULT_RHYTHM)
        gone = state.symbols - symbols
        if gone:
            self._disarm(runtime, venue, gone)
        if symbols and (symbols - state.symbols or monotonic() - state.beat_at >= every):
            self._arm(runtime, venue, symbols, seconds)

    def _arm(self, runtime: TraderRuntime, venue: str, symbols: set[str], seconds: float) -> None:
        state = self.armed[venue]
        outcome = runtime.run(runtime.client(venue, simulated=False).arm_cancel_timer(sorted(symbols), seconds))
        state.beat_at = monotonic()
        if outcome.kind == OutcomeKind.ACCEPTED:
            state.symbols, state.missed = set(symbols), 0
            return
        state.missed += 1
        log.error("dead_man_beat_missed", venue=venue, code=outcome.code, missed=state.missed)
        if state.missed == MISSED_BEATS:
            alert(
                kind="dead_man",
                severity="critical",
                text=f"{venue} did not take {MISSED_BEATS} heartbeats of the dead man's switch",
                extra={"venue": venue, "code": outcome.code},
            )
            hold_engage_unless_held(reason=f"dead man's switch of {venue} missed its beats", source="dead_man")

    def _disarm(self, runtime: TraderRuntime, venue: str, symbols: set[str]) -> None:
        """A timer that fails to disarm fires on nothing: no order rests there any more."""
        outcome = runtime.run(runtime.client(venue, simulated=False).disarm_cancel_timer(sorted(symbols)))
        if outcome.kind == OutcomeKind.ACCEPTED:
            self.armed[venue].symbols -= symbols

    def release(self, runtime: TraderRuntime) -> None:
        """A planned stop: nothing rests any more, every timer goes."""
        for venue, state in self.armed.items():
            if state.symbols:
                self._disarm(runtime, venue, set(state.symbols))


def resting_symbols() -> dict[str, set[str]]:
    """Venue -> symbols with real orders that rest, or may rest, there."""
    rows = Order.objects.filter(
        simulated=False,
        time_in_force__in=[TimeInForce.POST_ONLY, TimeInForce.GTC],
        status__in=[OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.OPEN],
    )
    found: dict[str, set[str]] = defaultdict(set)
    for venue, symbol in rows.order_by().values_list("venue", "symbol").distinct():
        found[venue].add(symbol)
    return found
