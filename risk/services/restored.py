"""The desk after its database was restored: stopped, and nothing of its former trader may act any more."""

from django.db import connection

from propbot.clock import utc_now
from risk.models import DeskState
from risk.services.hold import hold_write

# More starts than any trader makes between a backup and its restore: no process of the lost time holds a newer token.
EPOCH_JUMP = 1000
LEASES_OVER = (
    "UPDATE risk_traderlease SET holder = '', expires_at = clock_timestamp() WHERE id = 1",
    "UPDATE upkeep_beatlease SET expires_at = clock_timestamp()",
)


def desk_set_back(*, reason: str) -> DeskState:
    """HOLD, SAFE_MODE, dry run, a token that fences every former trader, no lease. Inside the caller's transaction."""
    row = hold_write(reason=reason, source="restore")
    row.dry_run, row.autopilot_permitted = True, False
    row.trader_epoch += EPOCH_JUMP
    row.changed_at = utc_now()
    row.save()
    with connection.cursor() as cursor:
        for statement in LEASES_OVER:
            cursor.execute(statement)
    return row
