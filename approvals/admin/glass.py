"""The sealed envelopes: which there are and which were opened. No code, and no hash of one."""

from typing import ClassVar

from django.contrib import admin

from approvals.models import BreakGlassCode
from audit.admin import ReadOnlyAdmin


@admin.register(BreakGlassCode)
class BreakGlassCodeAdmin(ReadOnlyAdmin):
    list_display = ("number", "made_at", "opened_at", "withdrawn_at")
    list_filter = ("made_at",)
    search_fields = ("number",)
    fields: ClassVar = ["number", "set_id", "made_at", "opened_at", "withdrawn_at"]
