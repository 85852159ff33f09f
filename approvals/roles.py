"""Three roles as Django groups, and whose account it is. A superuser flag counts for nothing here."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, User
from django.db.models import Q, QuerySet

from approvals.choices import Role
from approvals.models import Person, PersonAccount
from propbot import statements

AnyUser = AbstractBaseUser | AnonymousUser
STRONGEST_FIRST = (Role.OPERATOR, Role.AUDITOR, Role.VIEWER)

# What each role may look at in the admin; nobody changes a row there (changes go through services).
VIEWED_APPS = {
    Role.VIEWER: ("trading", "risk"),
    Role.AUDITOR: ("trading", "risk", "approvals", "audit"),
    Role.OPERATOR: ("trading", "risk", "approvals", "audit"),
}
NOT_FOR_VIEWERS = ("limit", "skip")
# Sealed values and token notes are nobody's reading matter.
HIDDEN_MODELS = ("sealedsecret", "tokennote", "tokenguard", "idempotentanswer", "ratebucket")


STANDING = "standing"
# Beside the account, since every answer begins with this question: the names of its groups.
GROUPS = """ARRAY(SELECT name FROM auth_group JOIN auth_user_groups ON auth_user_groups.group_id = auth_group.id
 WHERE auth_user_groups.user_id = approvals_personaccount.user_id)"""
# The account of a user's row, and its person while that one is active.
BESIDE_USER = """LEFT JOIN approvals_personaccount ON approvals_personaccount.user_id = auth_user.id
 LEFT JOIN approvals_person ON approvals_person.id = approvals_personaccount.person_id AND approvals_person.active"""
OF_USER = """JOIN approvals_person ON approvals_person.id = approvals_personaccount.person_id
 WHERE approvals_personaccount.user_id = %s AND approvals_person.active"""


def standing_of(user: AnyUser) -> tuple[PersonAccount, Role | None] | None:
    """The account of an active person, and the strongest role that it has now; None when there is none."""
    if user.pk is None or not user.is_active:
        return None
    if STANDING in vars(user):
        known: tuple[PersonAccount, Role | None] | None = vars(user)[STANDING]
        return known
    for account, person, groups in statements.found_together(PersonAccount, Person, GROUPS, OF_USER, [user.pk]):
        account.person = person
        return account, _strongest(groups)
    return None


def standing_note(user: User, account: PersonAccount | None, person: Person | None, groups: Iterable[str]) -> None:
    """What was read beside a token is not read again for this object, which lives as long as one request."""
    if account is not None and person is not None:
        account.person = person
        vars(user)[STANDING] = (account, _strongest(groups))
    else:
        vars(user)[STANDING] = None


def _strongest(groups: Iterable[str]) -> Role | None:
    names = set(groups)
    return next((role for role in STRONGEST_FIRST if role.value in names), None)


def account_of(user: AnyUser) -> PersonAccount | None:
    standing = standing_of(user)
    return standing[0] if standing else None


def person_of(user: AnyUser) -> Person | None:
    """The active person behind an active account; None when there is none."""
    account = account_of(user)
    return account.person if account else None


def role_of_account(account: PersonAccount) -> Role | None:
    return _strongest(Group.objects.filter(user=account.user_id).values_list("name", flat=True))


def role_of(user: AnyUser) -> Role | None:
    """The strongest role of this account; None without an active person or a role's group."""
    standing = standing_of(user)
    return standing[1] if standing else None


def active_operators() -> QuerySet[Person]:
    """Persons with an active account in the operator group."""
    return Person.objects.filter(
        active=True, accounts__user__is_active=True, accounts__user__groups__name=Role.OPERATOR.value
    ).distinct()


def operator_accounts(people: Iterable[Person]) -> QuerySet[PersonAccount]:
    return PersonAccount.objects.filter(
        person__in=list(people), user__is_active=True, user__groups__name=Role.OPERATOR.value
    ).select_related("user")


def role_permissions(role: Role) -> QuerySet[Permission]:
    viewed = Q(content_type__app_label__in=VIEWED_APPS[role], codename__startswith="view_")
    found = Permission.objects.filter(viewed).exclude(content_type__model__in=HIDDEN_MODELS)
    if role is Role.VIEWER:
        for word in NOT_FOR_VIEWERS:
            found = found.exclude(content_type__model__contains=word)
    return found


def sync_groups(sender: AppConfig | None = None, **kwargs: Any) -> None:
    """After each app's migrations: the three groups hold exactly their view permissions."""
    for role in Role:
        group, _ = Group.objects.get_or_create(name=role.value)
        group.permissions.set(role_permissions(role))
