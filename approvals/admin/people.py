"""Persons and their accounts, to look at; they change through approvals."""

from typing import ClassVar

from django.contrib import admin
from unfold.decorators import display

from approvals.models import Person, PersonAccount
from approvals.roles import role_of_account
from audit.admin import ReadOnlyAdmin

ROLE_LABELS = {"operator": "danger", "auditor": "info", "viewer": "success", "none": "warning"}


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("name", "active", "role", "accounts_text", "operator_since", "has_telegram")
    list_filter = ("active",)
    search_fields = ("name",)
    fields: ClassVar = [("name", "active"), "role", "accounts_text", "operator_since", "has_telegram", "created_at"]
    readonly_fields = ("role", "accounts_text", "has_telegram", "created_at")

    @display(description="role", label=ROLE_LABELS)  # type: ignore[untyped-decorator]
    def role(self, person: Person) -> str:
        account = person.accounts.filter(user__is_active=True).first()
        found = role_of_account(account) if account and person.active else None
        return found.value if found else "none"

    @admin.display(description="accounts")
    def accounts_text(self, person: Person) -> str:
        return ", ".join(person.accounts.order_by("linked_at").values_list("user__username", flat=True))

    @admin.display(description="Telegram", boolean=True)
    def has_telegram(self, person: Person) -> bool:
        return person.telegram_id is not None


@admin.register(PersonAccount)
class PersonAccountAdmin(ReadOnlyAdmin):
    list_display = ("user", "person", "linked_at")
    search_fields = ("user__username", "person__name")
