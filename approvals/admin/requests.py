"""A request as a page: what is asked, by whom, why, what will change, how long it stays valid, and the decision.

Deciding has a view of its own: the admin's change view runs in a transaction, and what is decided must
be durable when the answer is given.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from approvals.api.base import address_of, request_id_of
from approvals.choices import RequestStatus
from approvals.models import ApprovalExecution, ApprovalRequest
from approvals.roles import person_of, standing_of
from approvals.selectors import decidable_by
from approvals.services import approval_decide
from approvals.services.deciding import find_request
from audit.admin import ReadOnlyAdmin, pretty
from audit.canonical import plain
from audit.context import Actor, acting_as
from audit.services import record
from propbot.errors import RecordingFailedError, RefusedError

LABELS = {
    "pending": "warning",
    "approved": "info",
    "executed": "success",
    "denied": "danger",
    "expired": "info",
    "withdrawn": "info",
    "failed": "danger",
}
MAX_FIELD = 512


def actor_of(request: HttpRequest) -> Actor:
    """The person behind an admin session; a superuser without one is an administrator and no operator."""
    account, role = standing_of(request.user) or (None, None)
    return Actor(
        name=account.person.name if account else request.user.get_username(),
        person_id=str(account.person_id) if account else "",
        role=role.value if role else "administrator",
        channel="admin",
        ip=address_of(request),
        request_id=request_id_of(request),
    )


def changes(before: Any, after: Any) -> list[dict[str, object]]:
    """Before and after, side by side, name by name."""
    old, new = (value if isinstance(value, dict) else {"value": value} for value in (before, after))
    names = sorted({*old, *new})
    return [{"name": name, "before": old.get(name), "after": new.get(name)} for name in names]


def decide_from_form(request: HttpRequest, approval_id: UUID) -> tuple[int, str]:
    """Approve or deny with what the form holds; the message level and the sentence for the person."""
    form = {
        name: str(request.POST.get(name, ""))[:MAX_FIELD] for name in ("decision", "token", "otp", "payload_digest")
    }
    if form["decision"] not in ("approve", "deny"):
        return messages.ERROR, "Choose approve or deny."
    try:
        with acting_as(actor_of(request)):
            approval_decide(
                approval_id=approval_id,
                approve=form["decision"] == "approve",
                token=form["token"],
                otp=form["otp"] or None,
                seen_digest=form["payload_digest"] or None,
            )
    except RefusedError as error:
        return messages.ERROR, f"Refused ({error.code}): {error.message}."
    except RecordingFailedError:
        return messages.ERROR, "Not done: it could not be recorded."
    row = find_request(approval_id)
    return messages.SUCCESS, f"{row.get_status_display()}: {row.sentence}"


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    list_display = ("sentence", "state", "requested_by_name", "requested_at", "expires_at", "decided_by_name")
    list_filter = ("status", "action")
    search_fields = ("sentence", "target", "requested_by_name", "decided_by_name", "reason")
    date_hierarchy = "requested_at"
    change_form_outer_before_template = "approvals/decision.html"
    fields: ClassVar = [
        ("action", "target", "status"),
        ("requested_by_name", "requested_channel", "requested_at"),
        ("decided_by_name", "decided_channel", "decided_at"),
        ("expires_at", "executed_at"),
        ("hold_id", "bound_to_hold", "two_man"),
        "payload_text",
        "payload_digest",
        "result_text",
        "failure",
    ]
    readonly_fields = ("payload_text", "result_text")

    class Media:
        css: ClassVar = {"all": ["approvals/decision.css"]}
        js: ClassVar = ["approvals/countdown.js"]

    @display(description="status", ordering="status", label=LABELS)  # type: ignore[untyped-decorator]
    def state(self, row: ApprovalRequest) -> str:
        return row.status

    @admin.display(description="payload")
    def payload_text(self, row: ApprovalRequest) -> SafeString:
        return pretty(row.payload)

    @admin.display(description="result")
    def result_text(self, row: ApprovalRequest) -> SafeString:
        return pretty(row.result)

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(require_POST(self.decide_view))
        own = [path("<uuid:approval_id>/decide/", decide, name="approvals_approvalrequest_decide")]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), **self._decision_context(request, object_id)}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    @staticmethod
    def _decision_context(request: HttpRequest, object_id: str) -> dict[str, Any]:
        try:
            row = find_request(object_id)
        except RefusedError:
            return {}
        person = person_of(request.user)
        pending = row.status == RequestStatus.PENDING
        return {
            "asked": row,
            "changes": changes(plain(row.before), plain(row.after)),
            "pending": pending,
            "own": person is not None and row.requested_by_id == person.pk,
            "may_decide": pending and str(row.pk) in decidable_by(person),
            "decide_url": reverse("admin:approvals_approvalrequest_decide", args=[row.pk]),
        }

    def decide_view(self, request: HttpRequest, approval_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            with acting_as(actor_of(request)):
                record(action="request_refused", target=request.path, status="forbidden", details={"status_code": 403})
            return HttpResponse("forbidden", status=403, content_type="text/plain")
        level, sentence = decide_from_form(request, approval_id)
        messages.add_message(request, level, sentence)
        return HttpResponseRedirect(reverse("admin:approvals_approvalrequest_change", args=[approval_id]))


@admin.register(ApprovalExecution)
class ApprovalExecutionAdmin(ReadOnlyAdmin):
    list_display = ("approval", "action", "person", "hold_id", "at", "txid")
    list_filter = ("action",)
