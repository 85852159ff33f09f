"""The thread that waits for the stream's knock: a quote has crossed, the trader looks at once."""

import time

from django.db import connection

from propbot.clock import utc_now
from trading.quotes import BoardUnavailableError, board
from trading.runtime.handle import TraderRuntime
from trading.services.edge_take import edge_take

WAIT_SECONDS = 1.0


def knock_answer(runtime: TraderRuntime) -> str | None:
    """Wait for a knock and answer it; None when none came. The connection is looked after while nobody waits."""
    connection.ensure_connection()
    connection.close_if_health_check_failed()
    try:
        symbols = board().knocked(WAIT_SECONDS)
    except BoardUnavailableError:
        time.sleep(WAIT_SECONDS)
        return None
    if not symbols or runtime.standby or not runtime.recovered:
        return None
    return edge_take(symbols, now=utc_now())
