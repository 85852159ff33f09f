"""Entry blocks that the engine sets: the small brothers of HOLD (SPEC 4)."""

import structlog

from propbot.errors import RecordingFailedError
from risk.choices import BlockSource
from risk.services.blocks import entry_block_set

log = structlog.get_logger(__name__)


def symbol_block(symbol: str, reason: str, *, simulated: bool = False) -> None:
    """No new hedge in this symbol until two clean rounds. A simulated hedge blocks nothing real (law 10)."""
    if not simulated:
        block(source=BlockSource.QUARANTINE, reason=reason, symbol=symbol)


def block(*, source: BlockSource, reason: str, symbol: str = "", venue: str = "") -> None:
    """Without its record the block does not stand (law 4); what called it goes on: the journal refuses an unproven
    symbol by itself, and reductions must not stop here (law 1)."""
    try:
        entry_block_set(source=source, reason=reason, symbol=symbol, venue=venue)
    except RecordingFailedError:
        log.error("entry_block_not_set", reason=reason, symbol=symbol, venue=venue)
