"""At most one trader sends orders (law 7): a row lease by the database's clock, then the fencing token."""

from django.db import connection, transaction

from propbot.config import values
from risk.services.locks import desk_lock_exclusive

LEASE_SECONDS = 10
RENEW_SECONDS = 3

FREE = "SELECT expires_at IS NULL OR expires_at <= clock_timestamp() FROM risk_traderlease WHERE id = 1"
TAKE = """
UPDATE risk_traderlease
   SET holder = %s, epoch = (SELECT trader_epoch + 1 FROM risk_deskstate WHERE id = 1),
       acquired_at = clock_timestamp(), renewed_at = clock_timestamp(),
       expires_at = clock_timestamp() + make_interval(secs => %s)
 WHERE id = 1 AND (expires_at IS NULL OR expires_at <= clock_timestamp())
RETURNING epoch
"""
RAISE_EPOCH = """
UPDATE risk_deskstate SET trader_epoch = %s, autopilot_permitted = %s
 WHERE id = 1 AND trader_epoch < %s
"""
RENEW = """
UPDATE risk_traderlease
   SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %s)
 WHERE id = 1 AND holder = %s AND epoch = %s AND expires_at > clock_timestamp()
"""
RELEASE = "UPDATE risk_traderlease SET expires_at = clock_timestamp() WHERE id = 1 AND holder = %s AND epoch = %s"


def _free() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(FREE)
        row = cursor.fetchone()
    return row is not None and bool(row[0])


def lease_acquire(holder: str) -> int | None:
    """The new epoch, or None while another holder's lease runs. ``holder`` is unique to the process.

    The token rises under the exclusive desk lock, so no journaling transaction straddles the change: whoever
    compares an older token afterwards is refused, however late it wakes.
    """
    if not _free():
        return None  # a standby that asks must not disturb the trader with the exclusive lock
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        desk_lock_exclusive()
        cursor.execute(TAKE, [holder, LEASE_SECONDS])
        row = cursor.fetchone()
        if row is None:
            return None
        epoch = int(row[0])
        cursor.execute(RAISE_EPOCH, [epoch, values().flag("AUTOPILOT_ENABLE"), epoch])
        if cursor.rowcount != 1:
            raise RuntimeError("the desk row is missing: nothing may trade")
    return epoch


def lease_renew(holder: str, epoch: int) -> bool:
    """False once the lease has run out or passed on: the caller sends nothing more and starts anew as a standby."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [LEASE_SECONDS, holder, epoch])
        return bool(cursor.rowcount == 1)


def lease_release(holder: str, epoch: int) -> bool:
    """An orderly stop lets the successor begin at once."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, [holder, epoch])
        return bool(cursor.rowcount == 1)
