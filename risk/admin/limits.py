"""Limits and their versions."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from risk.admin.base import AskingAdmin, ReadOnlyAdmin, ValueForm, button, column
from risk.limits import full_name
from risk.models import LimitsVersion, RiskLimit
from risk.services.limits import limit_change


@admin.register(RiskLimit)
class RiskLimitAdmin(AskingAdmin):
    list_display = ("full_name", "value", "changed_at", "changed_by")
    search_fields = ("name", "scope")
    actions_detail: ClassVar = ["change_limit"]

    @column(description="limit", ordering="name")
    def full_name(self, row: RiskLimit) -> str:
        return full_name(row.name, row.scope)

    @button(description="Change", url_path="change-limit")
    def change_limit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = RiskLimit.objects.get(pk=object_id)
        name = full_name(row.name, row.scope)

        def act(data: dict[str, Any]) -> str:
            result = limit_change(name=name, value=data["value"], reason=data["reason"])
            if result.pending:
                return f"Another operator decides: {result.pending.sentence}"
            return f"{name} is {result.value} now"

        return self.ask(
            request,
            title=f"Change {name}",
            explanation=f"It is {row.value} now. Lowering is done at once; raising takes a second operator.",
            act=act,
            back=reverse("admin:risk_risklimit_changelist"),
            form_class=ValueForm,
        )


@admin.register(LimitsVersion)
class LimitsVersionAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "changed_by", "reason")
    search_fields = ("changed_by", "reason")
