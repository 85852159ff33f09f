"""The thread that waits for the stream's knock: a quote has crossed, the trader looks at once."""

import time

from django.db import connection

from propbot.clock import utc_now
from trading.quotes import BoardUnavailableError, board
from trading.runtime.handle import TraderRuntime
from trading.services.edge_take import edge_take

WAIT_SECONDS = 1.0
BUSY_SECONDS = 0.2
AGAIN_SECONDS = 0.01


def knock_answer(runtime: TraderRuntime) -> str | None:
    """Wait for a knock and answer it; None when none came. The connection is looked after while nobody waits, and kept
    for as long as it lives: a new one knows none of the statements that an entry will ask."""
    connection.ensure_connection()
    if not connection.is_usable():
        connection.close()
    try:
        symbols = board().knocked(WAIT_SECONDS)
    except BoardUnavailableError:
        time.sleep(WAIT_SECONDS)
        return None
    if not symbols or runtime.standby or not runtime.recovered:
        return None
    with runtime.hurry():
        return _take(symbols)


def _take(symbols: list[str]) -> str:
    """Beat's scan takes a few milliseconds, and the edge is still there after it."""
    until = time.monotonic() + BUSY_SECONDS
    while (answer := edge_take(symbols, now=utc_now())) == "busy" and time.monotonic() < until:
        time.sleep(AGAIN_SECONDS)
    return answer
