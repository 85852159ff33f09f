"""The records in the admin: to look at, whoever looks."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from audit.models import AlertDelivery, AuditRecord, OpsAlert

STATUS_LABELS = {
    "requested": "info",
    "approved": "success",
    "executed": "success",
    "denied": "warning",
    "forbidden": "danger",
    "failed": "danger",
}
SEVERITY_LABELS = {"info": "info", "warning": "warning", "critical": "danger"}


def pretty(document: object) -> SafeString:
    """JSON as text that a person can read; escaped, whatever it holds."""
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', json.dumps(document, indent=2, ensure_ascii=False))


class ReadOnlyAdmin(ModelAdmin):
    """Nobody adds, changes or deletes here, a superuser neither; nor by a bulk action."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    list_display = ("seq", "at", "who", "channel", "action", "target", "outcome")
    list_filter = ("status", "channel", "action")
    search_fields = ("person", "action", "target", "request_id")
    date_hierarchy = "at"
    ordering = ("-seq",)
    fields: ClassVar = [
        ("seq", "at"),
        ("person", "role", "person_id"),
        ("channel", "ip", "request_id"),
        ("action", "status"),
        "target",
        "claimed",
        "details_text",
        "spool_id",
        "previous_hash",
        "hash",
    ]
    readonly_fields = ("details_text",)

    @display(description="person", ordering="person", header=True)  # type: ignore[untyped-decorator]
    def who(self, row: AuditRecord) -> list[str]:
        return [row.person, row.role]

    @display(description="status", ordering="status", label=STATUS_LABELS)  # type: ignore[untyped-decorator]
    def outcome(self, row: AuditRecord) -> str:
        return row.status

    @admin.display(description="details")
    def details_text(self, row: AuditRecord) -> SafeString:
        return pretty(row.details)


class DeliveryInline(TabularInline):
    model = AlertDelivery
    extra = 0
    can_delete = False
    fields = ("channel", "status", "attempts", "next_attempt_at", "sent_at", "error")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OpsAlert)
class OpsAlertAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "level", "text", "simulated")
    list_filter = ("severity", "simulated", "kind")
    search_fields = ("kind", "text")
    date_hierarchy = "at"
    fields: ClassVar = [("at", "kind", "severity", "simulated"), "text", "extra_text"]
    readonly_fields = ("extra_text",)
    inlines: ClassVar = [DeliveryInline]

    @display(description="severity", ordering="severity", label=SEVERITY_LABELS)  # type: ignore[untyped-decorator]
    def level(self, row: OpsAlert) -> str:
        return row.severity

    @admin.display(description="extra")
    def extra_text(self, row: OpsAlert) -> SafeString:
        return pretty(row.extra)


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("alert", "channel", "status", "attempts", "next_attempt_at", "sent_at")
    list_filter = ("status", "channel")
