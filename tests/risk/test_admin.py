"""The admin of the risk floor: read-only, and steps that ask a reason, for operators alone."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from approvals.models import ApprovalRequest
from audit.models import AuditRecord
from risk.models import RiskLimit
from tests.risk.figures import Cast, Figures, the_desk

pytestmark = pytest.mark.django_db


def signed_in(name: str) -> Client:
    user = User.objects.get(username=name)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_no_table_can_be_written_even_by_a_superuser() -> None:
    request = RequestFactory().get("/")
    request.user = User(username="root", is_superuser=True, is_staff=True, is_active=True)
    for model in apps.get_app_config("risk").get_models():
        table = admin.site._registry[model]
        assert not table.has_add_permission(request)
        assert not table.has_change_permission(request)
        assert not table.has_delete_permission(request)
        assert table.actions is None


def test_every_list_opens_for_an_auditor(cast: Cast, figures: Figures) -> None:
    client = signed_in("otto")
    for model in apps.get_app_config("risk").get_models():
        assert client.get(reverse(f"admin:risk_{model._meta.model_name}_changelist")).status_code == 200, model


def test_an_operator_engages_hold_with_a_reason(cast: Cast, figures: Figures) -> None:
    client, before = signed_in("alice"), the_desk().hold_id
    address = reverse("admin:risk_deskstate_hold")
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": ""}).status_code == 200
    assert the_desk().hold_id == before
    assert client.post(address, {"reason": "drill"}).status_code == 302
    assert (the_desk().hold_id, the_desk().hold_source) == (before + 1, "alice")
    assert AuditRecord.objects.filter(action="hold", channel="admin", person="alice").exists()


@pytest.mark.parametrize("name", ["otto", "vera"])
def test_others_are_forbidden_and_recorded(cast: Cast, figures: Figures, name: str) -> None:
    before = the_desk().hold_id
    answer = signed_in(name).post(reverse("admin:risk_deskstate_hold"), {"reason": "mine"})
    assert answer.status_code == 403
    assert the_desk().hold_id == before
    assert AuditRecord.objects.filter(status="forbidden", person=name).exists()


def test_a_superuser_without_the_group_is_forbidden(cast: Cast, figures: Figures) -> None:
    User.objects.filter(username="otto").update(is_superuser=True)
    assert signed_in("otto").post(reverse("admin:risk_deskstate_hold"), {"reason": "x"}).status_code == 403


def test_raising_a_limit_in_the_admin_asks_a_second_operator(cast: Cast, figures: Figures) -> None:
    row = RiskLimit.objects.get(name="MAX_OPEN_POSITIONS")
    address = reverse("admin:risk_risklimit_change_limit", args=[row.pk])
    client = signed_in("alice")
    client.post(address, {"value": "NaN", "reason": "r"})
    client.post(address, {"value": "9", "reason": "growth"})
    assert ApprovalRequest.objects.get().sentence == "Raise MAX_OPEN_POSITIONS from 3 to 9"
    client.post(address, {"value": "2", "reason": "calm"})
    row.refresh_from_db()
    assert row.value == 2
