"""Reports over HTTP."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.dateparse import parse_date
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import AUDITORS, EVERYONE, OPERATORS, DeskView
from audit.services import record
from propbot.clock import utc_now
from propbot.console.exports import sections_csv
from propbot.console.services.reports import audit_snapshot, daily_report, ops_report, snapshot_write
from propbot.errors import RefusedError
from propbot.http.renderers import jsonable
from propbot.http.serializers import EmptyBody


class OpsReportView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(ops_report())


class OpsReportCsvView(DeskView):
    answers_as = ("text/csv",)

    def get(self, request: Request) -> HttpResponse:
        answer = HttpResponse(sections_csv(jsonable(ops_report())), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="ops_report.csv"'
        return answer


class SnapshotView(DeskView):
    """GET writes too, as existing clients expect: its file and its audit record (RELIABILITY H5)."""

    read_roles = AUDITORS
    write_roles = AUDITORS

    def get(self, request: Request) -> Response:
        return Response(snapshot_write())

    def post(self, request: Request) -> Response:
        self.body(request, EmptyBody)
        return Response(snapshot_write())


class AuditSnapshotView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(audit_snapshot())


class DailyReportView(DeskView):
    roles: ClassVar[Any] = {"GET": EVERYONE, "POST": OPERATORS}

    def get(self, request: Request) -> Response:
        return Response(_daily(request))

    def post(self, request: Request) -> Response:
        self.body(request, EmptyBody)
        answer = _daily(request)
        record(action="daily_report", target=answer["report"]["day"])
        return Response(answer)


def _daily(request: Request) -> dict[str, Any]:
    asked = request.query_params.get("day")
    if not asked:
        return {"available": True, "report": daily_report(utc_now())}
    try:
        day = parse_date(asked)
    except ValueError:
        day = None
    if day is None:
        raise RefusedError("invalid_day", "day is not a date such as 2026-01-31", context={"field": "day"})
    moment = utc_now().replace(year=day.year, month=day.month, day=day.day)
    if moment > utc_now():
        return {"available": False, "report": None}
    return {"available": True, "report": daily_report(moment)}
