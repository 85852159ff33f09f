"""Every table of this floor is read-only in the admin: it changes through services alone, which also record it."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline


class _ReadOnly:
    """No adding, changing or deleting, whoever asks; a superuser flag opens nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnly, ModelAdmin):
    """``actions`` None: no bulk deletion either (RELIABILITY S13)."""

    actions: ClassVar[None] = None
    list_per_page = 50
    show_full_result_count = False


class ReadOnlyInline(_ReadOnly, TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True


def admin_link(row: Any, text: str = "") -> SafeString | str:
    """A link to the row's own page."""
    if row is None:
        return "-"
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or str(row))


def admin_links(rows: Iterable[Any]) -> SafeString | str:
    return format_html_join(", ", "{}", ((admin_link(row),) for row in rows)) or "-"
