"""What the desk is at one moment, as frozen facts. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

DESK_LOCK = 0x50420001
RESERVATIONS_LOCK = 0x50420003


@dataclass(frozen=True)
class DeskSnapshot:
    """The desk row as read. ``hold_file`` tells that a HOLD file stands, whatever the row says."""

    mode: str
    hold_id: int
    hold_active: bool
    hold_reason: str
    hold_source: str
    hold_since: datetime | None
    last_released_at: datetime | None
    safe_mode: bool
    dry_run: bool
    trader_epoch: int
    autopilot_permitted: bool
    autopilot_armed: bool
    autopilot_last_action: str
    autopilot_last_decision: str
    autopilot_reason: str
    autopilot_at: datetime | None
    hold_file: bool

    @property
    def stopped(self) -> bool:
        """True while no opening order may leave (law 1)."""
        return self.hold_active or self.hold_file or self.safe_mode or self.mode != "RUN"


@dataclass(frozen=True)
class ControlSnapshot:
    """What operators have set. Notional in USDT, slippage and spread in bps, the interval in seconds."""

    post_only: bool
    reduce_only: bool
    order_notional_usdt: Decimal
    max_slippage_bps: Decimal
    min_spread_bps: Decimal
    poll_interval_sec: Decimal
    loop_pair: str
    loop_venues: tuple[str, ...]
    auto_hedge_enabled: bool


@dataclass(frozen=True)
class HoldResult:
    """HOLD stands. ``in_flight`` names the client order ids still on the wire; None: they could not be read."""

    hold_id: int
    in_flight: list[str] | None
    at: datetime
