"""A bundle for every HOLD that the desk engaged by itself (SPEC 9): found from the audit trail, so none is forgotten."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.forms.models import model_to_dict

from audit.canonical import canonical
from audit.models import AuditRecord
from audit.services import alert, record
from audit.services.incidents import audit_stretch, bundle_exists, bundle_write, newest_checkpoints
from propbot.clock import utc_now
from propbot.console.services.reports import snapshot_document
from propbot.http.renderers import jsonable
from propbot.redaction import redact
from trading.models import Fill, Order, OrderEvent, ReconciliationRound, VenueHealth

log = structlog.get_logger(__name__)
LOOK_BACK = timedelta(hours=24)
ANSWERS_OF = timedelta(minutes=30)
MOST_ROWS = 1000
# A stop that people asked for needs no bundle: their own names, and the two requests that hold the desk first.
BY_PEOPLE = frozenset({"kill", "cancel_all", "operator"})


def _is_automatic(row: AuditRecord) -> bool:
    source = str(row.details.get("source", ""))
    return source not in BY_PEOPLE and source != row.person


def bundle_name(row: AuditRecord) -> str:
    return f"hold-{int(row.details['hold_id'])}-{row.at:%Y%m%dT%H%M%SZ}"


def automatic_holds(now: datetime) -> list[AuditRecord]:
    """The desk's own HOLDs of the last day, oldest first."""
    rows = AuditRecord.objects.filter(action="hold", status="executed", at__gte=now - LOOK_BACK).order_by("seq")
    return [row for row in rows if "hold_id" in row.details and _is_automatic(row)]


def _rows(rows: Any) -> list[dict[str, Any]]:
    return [{"id": str(row.pk), **model_to_dict(row)} for row in rows[:MOST_ROWS]]


def venue_answers(at: datetime) -> dict[str, Any]:
    """What the venues had answered in the last half hour, as the desk noted it: codes, fills, health, differences."""
    since = at - ANSWERS_OF
    return {
        "orders": _rows(Order.objects.filter(created_at__gte=since).order_by("-created_at")),
        "order_events": _rows(OrderEvent.objects.filter(at__gte=since).order_by("-id")),
        "fills": _rows(Fill.objects.filter(filled_at__gte=since).order_by("-filled_at")),
        "venue_health": _rows(VenueHealth.objects.order_by("venue")),
        "reconciliation": _rows(ReconciliationRound.objects.order_by("-id")[:50]),
    }


def _text(document: Any) -> bytes:
    return json.dumps(redact(jsonable(document)), indent=1).encode() + b"\n"


def bundle_of(row: AuditRecord, now: datetime) -> dict[str, object]:
    """Write the bundle of one HOLD and record it with the manifest's digest."""
    name = bundle_name(row)
    files = {
        "snapshot.json": _text(snapshot_document(now)),
        "venue_answers.json": _text(venue_answers(row.at)),
        "audit.jsonl": audit_stretch(until_seq=row.seq, at=row.at),
        "checkpoints.jsonl": newest_checkpoints(),
    }
    manifest = bundle_write(name=name, files=files, at=now)
    digest = hashlib.sha256(canonical(manifest)).hexdigest()
    record(action="incident_bundle", target=name, details={"hold_id": row.details["hold_id"], "manifest": digest})
    alert(
        kind="incident_bundle",
        severity="info",
        text=f"The incident of HOLD #{row.details['hold_id']} was bundled as {name}; its manifest is {digest[:16]}",
        extra={"bundle": name, "manifest": digest},
    )
    return manifest


def incidents_write() -> int:
    """Bundle every automatic HOLD that has none yet; how many. A full disk is told once per try and tried again."""
    now, count = utc_now(), 0
    for row in automatic_holds(now):
        if bundle_exists(bundle_name(row)):
            continue
        try:
            bundle_of(row, now)
        except OSError as error:
            log.error("incident_not_bundled", bundle=bundle_name(row), cause=error.__class__.__name__)
        else:
            count += 1
    return count
