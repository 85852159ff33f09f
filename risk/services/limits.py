"""Reading and changing limits: lowering at once by one operator, raising by two (law 6)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from approvals.models import ApprovalRequest
from approvals.services import approval_request
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot.clock import utc_now
from propbot.errors import RefusedError
from propbot.statements import Question
from risk.limits import RULES, Key, LimitsTable, full_name, is_raise, limits_table, split_name, value_problem
from risk.looks import asked, looked, plainly
from risk.models import LimitsVersion, RiskLimit
from risk.seeding import limits_seed, version_write
from risk.services.locks import reservations_lock
from risk.services.notices import notify


@looked(plainly, prepared=True)
def limits_read() -> LimitsTable:
    """The limits in force, with their version. Raises when they cannot be read: no limit is not "unlimited"."""
    newest = limits_newest()
    if newest is None:
        seeded = limits_seed()
        return limits_table(seeded.pk, seeded.values)
    return _table_of(*newest)


@asked(plainly)
def limits_newest() -> Question[tuple[int, datetime] | None]:
    """The version in force and when it was written; None before the first."""
    newest = "SELECT id, at FROM risk_limitsversion ORDER BY id DESC LIMIT 1"
    return Question(newest, (), lambda found: (found[0][0], found[0][1]) if found else None)


@lru_cache(maxsize=8)
def _table_of(version: int, _at: datetime) -> LimitsTable:
    """A version is never edited: read once. Its moment is in the key, for a database restored under our feet."""
    return limits_of_version(version)


def limits_of_version(version: int) -> LimitsTable:
    row = LimitsVersion.objects.get(pk=version)
    return limits_table(row.pk, row.values)


@dataclass(frozen=True)
class LimitResult:
    """Either the change was made (``version``), or it waits for a second person (``pending``)."""

    name: str
    value: Decimal
    version: int | None
    pending: ApprovalRequest | None


def limit_key(text: str) -> Key:
    key = split_name(text)
    if key is None:
        raise RefusedError("unknown_limit", f"{text[:64]!r} is not a limit", context={"field": "name"})
    return key


def check_value(key: Key, value: Decimal) -> None:
    problem = value_problem(RULES[key[0]], value)
    if problem:
        message = f"{full_name(*key)} cannot be {value}: {problem}"
        raise RefusedError("invalid_number", message, context={"field": "value"})


def limit_write(*, key: Key, value: Decimal, reason: str) -> LimitsVersion:
    """The row and a new version, inside the caller's audited transaction.

    Under the reservations lock, so that an intent is judged wholly by the old or wholly by the new version.
    """
    reservations_lock()
    limits_seed()
    name, scope = key
    person = current_actor().name
    RiskLimit.objects.update_or_create(
        name=name, scope=scope, defaults={"value": value, "changed_at": utc_now(), "changed_by": person}
    )
    version = version_write(person=person, reason=reason)
    notify("limits")
    return version


def _lower(key: Key, value: Decimal, reason: str) -> LimitsVersion:
    with audited():
        before = limits_read()
        if is_raise(before, *key, value):  # someone lowered it in between: this one would raise it now
            raise RefusedError("limit_changed", "The limit has changed meanwhile; ask again", status=409)
        version = limit_write(key=key, value=value, reason=reason)
        record(
            action="lower_limit",
            target=full_name(*key),
            details={"before": before.effective(*key), "after": value, "version": version.pk, "reason": reason},
        )
    alert(kind="limit_lowered", severity="info", text=f"{full_name(*key)} lowered to {value}")
    return version


def limit_change(*, name: str, value: Decimal, reason: str) -> LimitResult:
    """Lower at once; to raise, ask for a second person. Raises RefusedError."""
    key = limit_key(name)
    check_value(key, value)
    if not is_raise(limits_read(), *key, value):
        return LimitResult(full_name(*key), value, _lower(key, value, reason).pk, None)
    payload = {"name": full_name(*key), "value": f"{value:f}"}
    pending = approval_request(action="raise_limit", target=full_name(*key), payload=payload, reason=reason)
    return LimitResult(full_name(*key), value, None, pending)
