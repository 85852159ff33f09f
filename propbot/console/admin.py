"""The models of other people's apps, in the theme and under the house's rules.

Accounts, roles, tokens and devices are looked at here and changed nowhere in the admin: they go through approvals
(RELIABILITY H11). Schedules may be edited by an administrator, and every edit is a record of the audit trail.
"""

from typing import Any, cast

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django_celery_beat.admin import ClockedScheduleAdmin, CrontabScheduleAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.admin import PeriodicTaskAdmin as ThirdPartyPeriodicTaskAdmin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from approvals.api.base import address_of, request_id_of
from approvals.roles import person_of, role_of, standing_of
from audit.context import Actor, acting_as
from audit.services import record
from propbot.upkeep.models import BeatLease, BeatSlot, Generation, Heartbeat

THIRD_PARTY = (
    User,
    Group,
    AuthToken,
    TOTPDevice,
    AccessAttempt,
    AccessLog,
    AccessFailureLog,
    PeriodicTask,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)
for third_party in THIRD_PARTY:
    if admin.site.is_registered(third_party):
        admin.site.unregister(third_party)


class ReadOnlyAdmin(ModelAdmin):
    """To look at: nobody adds, changes or deletes here, a superuser neither."""

    actions = None
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def admin_actor(request: HttpRequest) -> Actor:
    account, role = standing_of(request.user) or (None, None)
    return Actor(
        name=account.person.name if account else request.user.get_username(),
        person_id=str(account.person_id) if account else "",
        role=role.value if role else "administrator",
        channel="admin",
        ip=address_of(request),
        request_id=request_id_of(request),
    )


class AuditedAdmin(ModelAdmin):
    """Edits commit together with their record (law 4): the admin's own transaction holds both."""

    actions = None
    audit_action = "schedule_change"

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with acting_as(admin_actor(request)):
            return cast(HttpResponse, super().changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with acting_as(admin_actor(request)):
            return cast(HttpResponse, super().delete_view(request, *args, **kwargs))

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        before = self._stored(obj) if change else {}
        super().save_model(request, obj, form, change)
        changed = {
            name: [before.get(name), value] for name, value in self._fields(obj).items() if before.get(name) != value
        }
        record(action=self.audit_action, target=str(obj), details={"model": obj._meta.label, "changed": changed})

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        name = str(obj)
        super().delete_model(request, obj)
        record(action=self.audit_action, target=name, details={"model": obj._meta.label, "deleted": True})

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def _stored(self, obj: Model) -> dict[str, str]:
        found = type(obj)._default_manager.filter(pk=obj.pk).first()
        return self._fields(found) if found else {}

    @staticmethod
    def _fields(obj: Model) -> dict[str, str]:
        return {field.name: str(field.value_from_object(obj)) for field in obj._meta.concrete_fields}


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("username", "person", "role", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username",)
    fields = ("username", "is_active", "is_staff", "is_superuser", "groups", "last_login", "date_joined")

    @admin.display(description="person")
    def person(self, user: User) -> str:
        found = person_of(user)
        return found.name if found else "nobody's"

    @admin.display(description="role")
    def role(self, user: User) -> str:
        found = role_of(user)
        return found.value if found else "none"


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    list_display = ("name", "members")
    search_fields = ("name",)

    @admin.display(description="members")
    def members(self, group: Group) -> str:
        return ", ".join(group.user_set.order_by("username").values_list("username", flat=True)) or "nobody"


@admin.register(AuthToken)
class AuthTokenAdmin(ReadOnlyAdmin):
    """Digests are hidden: they identify a token to nobody but the database."""

    list_display = ("token_key", "user", "created", "expiry")
    list_filter = ("expiry",)
    search_fields = ("user__username",)
    fields = ("token_key", "user", "created", "expiry")


@admin.register(TOTPDevice)
class TotpDeviceAdmin(ReadOnlyAdmin):
    """The key stays out of sight: whoever has seen it can answer for the person (law 11)."""

    list_display = ("user", "name", "confirmed", "last_used_at")
    search_fields = ("user__username",)
    fields = ("user", "name", "confirmed", "throttling_failure_count", "last_used_at")


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "username", "ip_address", "user_agent", "failures_since_start", "path_info")


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin):
    list_display = ("attempt_time", "logout_time", "username", "ip_address", "path_info")
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "logout_time", "username", "ip_address", "user_agent", "path_info")


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(ReadOnlyAdmin):
    list_display = ("attempt_time", "username", "ip_address", "locked_out")
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "username", "ip_address", "user_agent", "locked_out")


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of registered tasks, in the theme's clothes."""


class ThemedPeriodicTaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(AuditedAdmin, ThirdPartyPeriodicTaskAdmin):
    """Its bulk actions are gone: they change rows, or run tasks, without a record."""

    form = ThemedPeriodicTaskForm
    actions = None


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(AuditedAdmin):
    list_display = ("every", "period")


@admin.register(CrontabSchedule)
class ThemedCrontabScheduleAdmin(AuditedAdmin, CrontabScheduleAdmin):
    actions = None


@admin.register(ClockedSchedule)
class ThemedClockedScheduleAdmin(AuditedAdmin, ClockedScheduleAdmin):
    actions = None


@admin.register(SolarSchedule)
class SolarScheduleAdmin(AuditedAdmin):
    list_display = ("event", "latitude", "longitude")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "beat_at", "build")


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display = ("began_at", "origin", "head_seq", "lost_records", "note")
    list_filter = ("origin",)


@admin.register(BeatLease)
class BeatLeaseAdmin(ReadOnlyAdmin):
    list_display = ("holder", "expires_at")


@admin.register(BeatSlot)
class BeatSlotAdmin(ReadOnlyAdmin):
    list_display = ("task", "slot", "sent_at")
    search_fields = ("task",)
