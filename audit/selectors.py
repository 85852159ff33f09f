"""Reads of the audit floor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from audit.canonical import GENESIS
from audit.models import AuditRecord


@dataclass(frozen=True)
class ChainHead:
    seq: int
    hash: str
    count: int


def chain_head() -> ChainHead:
    """The last record's number and hash, and how many records there are."""
    last = AuditRecord.objects.order_by("-seq").values_list("seq", "hash").first()
    seq, last_hash = last or (0, GENESIS)
    # Sequence numbers have no gaps (verify proves it), so the head's number is the count that was promised.
    return ChainHead(seq=seq, hash=last_hash, count=seq)


def record_payload(row: AuditRecord) -> dict[str, Any]:
    """One record as people and programs read it."""
    return {
        "seq": row.seq,
        "ts": row.at,
        "person": row.person,
        "person_id": row.person_id,
        "role": row.role,
        "channel": row.channel,
        "ip": row.ip,
        "request_id": row.request_id,
        "claimed": row.claimed,
        "action": row.action,
        "target": row.target,
        "status": row.status,
        "details": row.details,
        "previous_hash": row.previous_hash,
        "hash": row.hash,
    }


def audit_search(
    *, filters: Mapping[str, str | None], since: datetime | None = None, until: datetime | None = None
) -> QuerySet[AuditRecord]:
    """Records, newest first. ``filters``: exact values of action, person, status, channel, target, role."""
    given = {name: value for name, value in filters.items() if value is not None}
    rows = AuditRecord.objects.filter(**given).order_by("-seq")
    if since:
        rows = rows.filter(at__gte=since)
    if until:
        rows = rows.filter(at__lt=until)
    return rows


def recent_records(limit: int = 50) -> list[dict[str, Any]]:
    """The newest records, for reports and pages."""
    return [record_payload(row) for row in AuditRecord.objects.order_by("-seq")[:limit]]
