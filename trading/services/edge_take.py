"""The stream's knock: look at the symbols whose quotes have crossed, and go on at once where auto-hedge is on.

The same scan and the same auto-hedge as beat's, in one breath: the opportunity is stored after it was taken, and the
figures of the decision are read once (risk.looks). The journal checks everything that binds anew, under its locks.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from audit.context import acting_as
from risk.looks import ask_ahead, one_look, prepare
from risk.ports import ports
from risk.registry import DEFAULT_STRATEGY
from risk.selectors import control_read, desk_read, last_sample
from risk.services.blocks import entry_blocks_of
from risk.services.edge import edge_facts_prepare
from risk.services.gate import gate_facts_prepare
from risk.services.governor import governor_sample
from trading.choices import OpportunityStatus
from trading.quotes import BoardUnavailableError, board
from trading.selectors import desk_checks
from trading.selectors import market as market_reads
from trading.services.auto_hedge import ACTOR, failures_check, obstacles, opportunity_take
from trading.services.exposure import board_marks
from trading.services.ports import last_minute
from trading.services.requote import board_quotes
from trading.services.scanning import ScanLook, scan_look, scan_note
from trading.services.single import AUTO_HEDGE_LOCK, SCAN_LOCK, only_one_each


def edge_take(symbols: Sequence[str], *, now: datetime) -> str:
    """``busy`` while another scan runs; else what became of it."""
    with only_one_each(SCAN_LOCK, AUTO_HEDGE_LOCK) as (scans, hedges), one_look(), acting_as(ACTOR):
        if not scans:
            return "busy"
        symbols = sorted(symbols)
        decision_ask(symbols, now=now)
        look = scan_look(desk_checks.allowed_among(symbols), now=now)
        try:
            return _take(look, now) if hedges else "scanned"
        finally:
            scan_note(look)


def decision_ask(symbols: Sequence[str], *, now: datetime) -> None:
    """What a decision about these symbols will ask one after the other, in one question to the board and one to the
    database; it is then in the look."""
    board_ask(symbols)
    ask_ahead(
        desk_checks.standing_of.ahead(symbols),
        desk_read.ahead(),
        control_read.ahead(),
        last_sample.ahead(),
        last_minute.ahead(now),
        obstacles.ahead(now),
        market_reads.listings.ahead(symbols),
        *(entry_blocks_of.ahead(symbol) for symbol in symbols),
    )


def board_ask(symbols: Sequence[str]) -> None:
    """A board that is away says so to whoever asks it next."""
    with suppress(BoardUnavailableError):
        quotes, marks = board().quotes_and_marks(symbols)
        board_quotes.put(quotes, symbols)
        board_marks.put(marks, symbols)


def _take(look: ScanLook, now: datetime) -> str:
    opportunity = look.opportunity
    if opportunity is None or opportunity.status != OpportunityStatus.ALLOWED:
        return "scanned"
    if not control_read().auto_hedge_enabled:
        return "scanned"
    failures_check(now=now)
    return opportunity_take(opportunity, now=now)


def decision_prepare(*, epoch: int, now: datetime) -> None:
    """The governor's sample, and with its figures those that the next second's decisions begin with."""
    with prepare():
        governor_sample(now=now)
        ports().reconciliation_clean_rounds(epoch)
        market_reads.basis_table()
        market_reads.active_pairs()
        edge_facts_prepare()
        gate_facts_prepare(strategy=DEFAULT_STRATEGY)
