"""Read-only tables, and the one page through which an operator acts: it asks a reason and calls a service."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

import structlog
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from approvals.choices import Role
from approvals.roles import role_of, standing_of
from audit.context import Actor, acting_as
from audit.services import record
from propbot.errors import RefusedError
from propbot.http.fields import parse_number

MAX_REASON = 1000
Method = TypeVar("Method", bound=Callable[..., Any])


def button(*, description: str, url_path: str) -> Callable[[Method], Method]:
    """unfold's ``action``, with a type."""
    return cast(Callable[[Method], Method], action(description=description, url_path=url_path))


def column(**options: Any) -> Callable[[Method], Method]:
    """unfold's ``display``, with a type."""
    return cast(Callable[[Method], Method], display(**options))


class ReadOnlyAdmin(ModelAdmin):
    """No adding, changing or deleting, whoever asks, and no bulk actions (RELIABILITY S13)."""

    actions: ClassVar[None] = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=MAX_REASON, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class ValueForm(ReasonForm):
    value = forms.CharField(max_length=64, widget=UnfoldAdminTextInputWidget())
    field_order = ("value", "reason")

    def clean_value(self) -> Any:
        try:
            return parse_number("value", self.cleaned_data["value"].strip())
        except RefusedError as error:
            raise forms.ValidationError(error.message) from error


def request_actor(request: HttpRequest) -> Actor:
    """Who acts in the admin. Without a person the account's name stands alone, and nothing may be done."""
    account, role = standing_of(request.user) or (None, None)
    return Actor(
        name=account.person.name if account else request.user.get_username(),
        person_id=str(account.person_id) if account else "",
        role=role.value if role else "",
        channel="admin",
        ip=str(request.META.get("REMOTE_ADDR") or ""),
        request_id=str(structlog.contextvars.get_contextvars().get("request_id") or ""),
    )


def is_operator(request: HttpRequest) -> bool:
    """The group and the person count; a superuser flag opens nothing."""
    return role_of(request.user) is Role.OPERATOR


def refuse_others(request: HttpRequest) -> None:
    if not is_operator(request):
        record(action="request_refused", target=request.path, status="forbidden", details={"method": request.method})
        raise PermissionDenied("only an operator may do this")


class AskingAdmin(ReadOnlyAdmin):
    """A table whose rows change through services, each change with a reason."""

    def ask(
        self,
        request: HttpRequest,
        *,
        title: str,
        explanation: str,
        act: Callable[[dict[str, Any]], str],
        back: str,
        form_class: type[ReasonForm] = ReasonForm,
    ) -> HttpResponse:
        """The page: a form on GET, the service on POST, its sentence as a message. Not inside a transaction."""
        with acting_as(request_actor(request)):
            refuse_others(request)
            form = form_class(request.POST or None)
            if request.method == "POST" and form.is_valid():
                try:
                    messages.success(request, act(form.cleaned_data))
                except RefusedError as error:
                    messages.error(request, f"{error.message} ({error.code})")
                return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "explanation": explanation,
            "form": form,
            "opts": self.model._meta,
            "back": back,
        }
        return TemplateResponse(request, "risk/ask.html", context)
