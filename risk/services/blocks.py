"""Entry blocks: a symbol or a venue takes no new hedge until two clean rounds have passed."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import QuerySet

from audit.services import alert, audited, record
from propbot import statements
from propbot.clock import utc_now
from propbot.errors import RefusedError
from propbot.statements import Question
from risk.choices import BlockSource
from risk.looks import asked
from risk.models import EntryBlock
from risk.services.notices import notify

ROUNDS_TO_LIFT = 2


def entry_blocks() -> QuerySet[EntryBlock]:
    """Those that stand now."""
    return EntryBlock.objects.filter(lifted_at=None)


def entry_block_set(
    *,
    source: BlockSource | str,
    reason: str,
    symbol: str = "",
    venue: str = "",
    details: Mapping[str, object] | None = None,
) -> EntryBlock:
    """Block entries of the symbol, the venue, or that symbol there. Seen again, it stands on and counts anew."""
    if entry_block_touch(source=source, symbol=symbol, venue=venue):
        return entry_blocks().get(source=source, symbol=symbol, venue=venue)
    now = utc_now()
    with audited():
        row, created = EntryBlock.objects.get_or_create(
            symbol=symbol,
            venue=venue,
            source=source,
            lifted_at=None,
            defaults={"reason": reason, "details": dict(details or {}), "since": now, "last_seen_at": now},
        )
        if created:
            record(action="entry_block", target=symbol or venue, details={"reason": reason, "source": str(source)})
            notify("blocks")
    if created:
        where = " on ".join(filter(None, (symbol, venue)))
        alert(kind="entry_block", severity="warning", text=f"Entries blocked for {where}: {reason}")
    return row


def entry_block_touch(*, source: BlockSource | str, symbol: str = "", venue: str = "") -> bool:
    """Its cause was seen again: the clean rounds begin anew. False when no such block stands."""
    standing = entry_blocks().filter(source=source, symbol=symbol, venue=venue)
    return standing.update(clean_rounds=0, last_seen_at=utc_now()) > 0


def entry_block_clean_round(*, started_at: datetime) -> int:
    """A clean round that began at ``started_at``: blocks whose cause it did not see count it; how many were lifted."""
    lifted = 0
    for row in entry_blocks().filter(last_seen_at__lt=started_at):
        if row.clean_rounds + 1 < ROUNDS_TO_LIFT:
            EntryBlock.objects.filter(pk=row.pk, clean_rounds=row.clean_rounds).update(
                clean_rounds=row.clean_rounds + 1
            )
        else:
            lifted += _lift(row)
    return lifted


def _lift(row: EntryBlock) -> int:
    with audited():
        # Compare and swap: a cause seen meanwhile has set the count back to 0.
        count = EntryBlock.objects.filter(pk=row.pk, lifted_at=None, clean_rounds=row.clean_rounds).update(
            clean_rounds=row.clean_rounds + 1, lifted_at=utc_now()
        )
        if count:
            record(action="entry_block_lifted", target=row.symbol or row.venue, details={"reason": row.reason})
            notify("blocks")
    return count


@asked(lambda symbol: symbol)
def entry_blocks_of(symbol: str) -> Question[list[EntryBlock]]:
    """Those of the symbol on any venue, and of whole venues, oldest first."""
    rest = "WHERE lifted_at IS NULL AND symbol IN (%s, '') ORDER BY id"
    return statements.rows_of(EntryBlock, rest, [symbol]).then(lambda found: [row for row, _ in found])


def entry_block_assert_none(*, symbol: str, venues: Iterable[str]) -> None:
    """Raises RefusedError 423: ``quarantined`` for an unproven order, else ``blocked``."""
    named = {*venues, ""}
    row = next((one for one in entry_blocks_of(symbol) if one.venue in named), None)
    if row is None:
        return
    code = "quarantined" if row.source == BlockSource.QUARANTINE else "blocked"
    raise RefusedError(code, f"entries are blocked: {row.reason}", status=423, context={"since": row.since})
