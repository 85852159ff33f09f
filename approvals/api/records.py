"""The records over HTTP. They live a floor above the audit trail because they ask for roles."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import AUDITORS, EVERYONE, DeskView
from audit.canonical import canonical
from audit.models import AuditRecord, OpsAlert
from audit.selectors import audit_search, record_payload
from audit.services.checkpoints import public_key_text, signing_key
from propbot.errors import RefusedError
from propbot.http.paging import Page, instant_of, page_of, whole_of, word_of
from propbot.http.renderers import DeskEncoder
from propbot.http.tables import csv_text

EVENT_COLUMNS = ("id", "ts", "kind", "severity", "simulated", "text", "extra")
RECORD_COLUMNS = (
    "seq", "at", "person_id", "person", "role", "channel", "ip", "request_id", "claimed", "action", "target",
    "status", "details", "previous_hash", "hash",
)  # fmt: skip
EXPORT_LIMIT = 50_000
CHUNK = 1000


def alert_payload(row: OpsAlert) -> dict[str, Any]:
    return {
        "id": row.pk,
        "ts": row.at,
        "kind": row.kind,
        "severity": row.severity,
        "text": row.text,
        "extra": row.extra,
        "simulated": row.simulated,
    }


def _order(request: Request) -> str:
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise RefusedError("invalid_filter", "order is asc or desc", context={"field": "order"})
    return order


def alerts_asked(request: Request, order: str = "desc") -> QuerySet[OpsAlert]:
    """The alerts that the query string asks for: kind, severity, since, until."""
    query = request.query_params
    rows = OpsAlert.objects.order_by("id" if order == "asc" else "-id")
    if kind := word_of(query, "kind"):
        rows = rows.filter(kind=kind)
    if severity := word_of(query, "severity"):
        rows = rows.filter(severity=severity)
    if since := instant_of(query, "since"):
        rows = rows.filter(at__gte=since)
    if until := instant_of(query, "until"):
        rows = rows.filter(at__lt=until)
    return rows


def _slice(rows: QuerySet[OpsAlert], page: Page) -> list[dict[str, Any]]:
    return [alert_payload(row) for row in rows[page.offset : page.offset + page.limit]]


class AlertsView(DeskView):
    read_roles = EVERYONE

    def get(self, request: Request) -> Response:
        page = page_of(request.query_params)
        rows = alerts_asked(request)
        total = rows.count()
        return Response({"alerts": _slice(rows, page), "total": total, "offset": page.offset, "limit": page.limit})


class EventsView(DeskView):
    read_roles = EVERYONE

    def get(self, request: Request) -> Response:
        page, order = page_of(request.query_params), _order(request)
        rows = alerts_asked(request, order)
        total = rows.count()
        following = page.next_offset(total)
        return Response(
            {
                "items": _slice(rows, page),
                "total": total,
                "offset": page.offset,
                "limit": page.limit,
                "order": order,
                "next_offset": following,
                "has_more": following is not None,
            }
        )


def _form(request: Request, default: str) -> str:
    form = request.query_params.get("format", default)
    if form not in ("csv", "json"):
        raise RefusedError("invalid_filter", "format is csv or json", context={"field": "format"})
    return form


def _csv_answer(text: str, filename: str) -> HttpResponse:
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


def _cell(value: object) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, cls=DeskEncoder)
    return plain.strip('"') if not isinstance(value, str | dict) else plain


class EventsExportView(DeskView):
    """``?format=csv`` or JSON, the newest 50,000 at most."""

    read_roles = EVERYONE
    answers_as = ("application/json", "text/csv")

    def get(self, request: Request) -> HttpResponse | Response:
        form = _form(request, "json")
        rows = alerts_asked(request, _order(request))[:EXPORT_LIMIT]
        items = [alert_payload(row) for row in rows]
        if form == "json":
            return Response({"items": items, "total": len(items)})
        cells = ([_cell(item[name]) for name in EVENT_COLUMNS] for item in items)
        return _csv_answer(csv_text(EVENT_COLUMNS, cells), "events.csv")


class AuditLogView(DeskView):
    read_roles = AUDITORS

    def get(self, request: Request) -> Response:
        query = request.query_params
        page = page_of(query, default=100)
        filters = {name: word_of(query, name) for name in ("action", "person", "status", "channel", "target", "role")}
        rows = audit_search(filters=filters, since=instant_of(query, "since"), until=instant_of(query, "until"))
        total = rows.count()
        events = [record_payload(row) for row in rows[page.offset : page.offset + page.limit]]
        following = page.next_offset(total)
        return Response(
            {
                "events": events,
                "count": len(events),
                "total": total,
                "offset": page.offset,
                "limit": page.limit,
                "next_offset": following,
                "has_more": following is not None,
            }
        )


def _export_rows(first: int, last: int) -> Iterator[dict[str, Any]]:
    after = first - 1
    while after < last:
        rows = list(AuditRecord.objects.filter(seq__gt=after, seq__lte=last).order_by("seq")[:CHUNK])
        if not rows:
            return
        for row in rows:
            yield {**row.hashed_fields(), "hash": row.hash}
        after = rows[-1].seq


class AuditExportView(DeskView):
    """Every record with its hashes, one JSON object per line, as the offline verifier reads it.

    ``?from_seq=`` continues a long export: at most 50,000 records come at once. ``?format=csv`` is for reading in a
    spreadsheet; the verifier does not take it.
    """

    read_roles = AUDITORS
    answers_as = ("application/x-ndjson", "text/csv")

    def get(self, request: Request) -> HttpResponse:
        first = whole_of(request.query_params, "from_seq", default=1, low=1, high=999_999_999)
        rows = _export_rows(first, first + EXPORT_LIMIT - 1)
        if _form(request, "json") == "csv":
            cells = ([_cell(row[name]) for name in RECORD_COLUMNS] for row in rows)
            return _csv_answer(csv_text(RECORD_COLUMNS, cells), "audit.csv")
        lines = (canonical(row) + b"\n" for row in rows)
        answer = HttpResponse(b"".join(lines), content_type="application/x-ndjson")
        answer["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        signer = signing_key()
        if signer:
            answer["X-Audit-Public-Key"] = public_key_text(signer)
        return answer
