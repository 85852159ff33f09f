"""What an entry must pass beside the gate: both legs inside their price collars, and no request made twice."""

from datetime import timedelta
from decimal import Decimal

import structlog
from django.db.models import Q

from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RefusedError
from risk.collars import collar_problem
from trading.choices import AttemptKind, AttemptStatus
from trading.entry_types import EntryRequest
from trading.models import HedgeAttempt
from trading.quotes import BoardUnavailableError, board
from trading.runtime.handle import installed
from trading.services.exposure import fresh_marks
from trading.sizing import EntryPlan
from trading.venues.base import Mark, VenueError

log = structlog.get_logger(__name__)
REST_TIMEOUT_SECONDS = 5.0
# The second click of a double click, or a client that repeats itself without an Idempotency-Key.
DUPLICATE_WITHIN = timedelta(seconds=1)
BY_PEOPLE = (AttemptKind.EXECUTE, AttemptKind.CONFIRM)


def collar_refusal(plan: EntryPlan) -> str:
    """Why a leg's price is out of its collar, or empty. The board's marks, REST where the stream is silent."""
    symbol, venues = plan.intent.symbol, (plan.intent.long_venue, plan.intent.short_venue)
    marks = fresh_marks([symbol], now=utc_now())
    missing = [venue for venue in venues if (venue, symbol) not in marks]
    if missing:
        marks = {**marks, **_rest_marks(symbol, missing)}
    known = {venue: marks[venue, symbol].mark_price for venue in venues if (venue, symbol) in marks}
    return collar_problem(plan.intent, known, values().decimal("OUTLIER_BPS"))


def _rest_marks(symbol: str, venues: list[str]) -> dict[tuple[str, str], Mark]:
    runtime = installed()
    if runtime is None:
        return {}
    found: dict[tuple[str, str], Mark] = {}
    for venue in venues:
        try:
            client = runtime.client(venue, simulated=False)
            answers = runtime.run(client.fetch_marks([symbol]), REST_TIMEOUT_SECONDS)
        except (VenueError, RefusedError) as error:
            log.warning("mark_unread", venue=venue, symbol=symbol, error=str(error))
            continue
        found.update({(venue, mark.symbol): mark for mark in answers})
    _share(list(found.values()))
    return found


def _share(marks: list[Mark]) -> None:
    try:
        if marks:
            board().put_marks(marks)
    except BoardUnavailableError:
        log.warning("quote_board_unavailable")


def duplicate_of(request: EntryRequest, attempt: HedgeAttempt) -> str:
    """That the same person asked the very same a moment before, in words; empty when not. The first one is served."""
    if request.kind not in BY_PEOPLE:
        return ""
    earlier = HedgeAttempt.objects.filter(
        kind=request.kind,
        initiator=request.initiator,
        symbol=request.symbol,
        created_at__gte=attempt.created_at - DUPLICATE_WITHIN,
        created_at__lte=attempt.created_at,
    ).exclude(pk=attempt.pk)
    # What was refused has traded nothing, and may be asked again at once.
    for one in earlier.filter(Q(hedge__isnull=False) | ~Q(status=AttemptStatus.DONE)):
        before_us = (one.created_at, one.pk) < (attempt.created_at, attempt.pk)
        if before_us and _same(one.request, request.to_json()):
            milliseconds = (attempt.created_at - one.created_at) / timedelta(milliseconds=1)
            return f"duplicate intent: the same was asked {Decimal(milliseconds):.0f} ms before"
    return ""


def _same(before: dict[str, object], now: dict[str, object]) -> bool:
    return {**before, "reason": ""} == {**now, "reason": ""}
