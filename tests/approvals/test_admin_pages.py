"""A request as a page of the admin, decided there, with everything else that the admin forbids."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from approvals.choices import RequestStatus
from approvals.models import ApprovalRequest
from approvals.services import approval_request
from audit.models import AuditRecord
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(cast: Cast, lamp: Lamp) -> ApprovalRequest:
    with cast.alice.acting():
        return approval_request(action="lamp_on", payload={"brightness": "7"}, reason="<script>alert(1)</script>")


def page(row: ApprovalRequest) -> str:
    return reverse("admin:approvals_approvalrequest_change", args=[row.pk])


def decide(row: ApprovalRequest, user: User, decision: str, token: str = APPROVE_TOKEN) -> str:
    """Post the form as a browser does, and the sentence that comes back."""
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    form = {"decision": decision, "token": token, "otp": "", "payload_digest": row.payload_digest}
    answer = browser.post(reverse("admin:approvals_approvalrequest_decide", args=[row.pk]), form, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def looked_at(row: ApprovalRequest, user: User) -> str:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = browser.get(page(row))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_approver_sees_everything_and_approves(cast: Cast, row: ApprovalRequest, lamp: Lamp) -> None:
    html = looked_at(row, cast.bob.user)
    for said in (
        "Light the lamp at 7",
        "Asked by <b>alice</b>",
        "Before",
        "After",
        "data-countdown",
        'value="approve"',
    ):
        assert said in html
    assert "Executed: Light the lamp at 7" in decide(row, cast.bob.user, "approve")
    row.refresh_from_db()
    assert (row.status, row.decided_channel, len(lamp.lit)) == (RequestStatus.EXECUTED, "admin", 1)


def test_a_reason_with_markup_stays_text(cast: Cast, row: ApprovalRequest) -> None:
    html = looked_at(row, cast.bob.user)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_requester_sees_no_buttons(cast: Cast, row: ApprovalRequest) -> None:
    html = looked_at(row, cast.alice.user)
    assert 'value="approve"' not in html
    assert "another operator must decide" in html


@pytest.mark.django_db(transaction=True)
def test_the_requester_who_posts_anyway_is_refused(cast: Cast, row: ApprovalRequest, lamp: Lamp) -> None:
    cast.alice.user.is_superuser = True
    cast.alice.user.save()
    assert "same_person" in decide(row, cast.alice.user, "approve")
    assert lamp.lit == []
    assert AuditRecord.objects.filter(status="forbidden", channel="admin").exists()


@pytest.mark.django_db(transaction=True)
def test_a_superuser_may_look_and_cannot_decide(cast: Cast, row: ApprovalRequest, lamp: Lamp) -> None:
    root = User.objects.create_superuser("root", password="a-long-password-1")
    assert 'value="approve"' not in looked_at(row, root)
    assert "forbidden" in decide(row, root, "approve")
    assert lamp.lit == []


@pytest.mark.django_db(transaction=True)
def test_denying_and_a_wrong_token_say_what_happened(cast: Cast, row: ApprovalRequest) -> None:
    assert "bad_token" in decide(row, cast.bob.user, "approve", token="wrong")
    assert "Denied" in decide(row, cast.bob.user, "deny")
    assert "already_decided" in decide(row, cast.bob.user, "approve")


def test_a_viewer_does_not_reach_the_page(cast: Cast, row: ApprovalRequest) -> None:
    browser = Client()
    browser.force_login(cast.vera.user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(page(row)).status_code == 302
    assert browser.post(reverse("admin:approvals_approvalrequest_decide", args=[row.pk])).status_code == 302


def test_deciding_by_a_link_is_impossible(cast: Cast, row: ApprovalRequest) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.bob.user, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("admin:approvals_approvalrequest_decide", args=[row.pk])
    assert browser.get(address).status_code == 405
    assert browser.post(address, {"decision": "approve", "token": APPROVE_TOKEN}).status_code == 403


def own_admins() -> list[admin.ModelAdmin]:
    return [item for model, item in admin.site._registry.items() if model._meta.app_label in ("audit", "approvals")]


@pytest.mark.parametrize("item", own_admins(), ids=lambda item: item.opts.label)
def test_no_row_of_these_floors_can_be_changed_in_the_admin(item: admin.ModelAdmin, cast: Cast, row, rf) -> None:
    root = User.objects.create_superuser("root", password="a-long-password-1")
    request = rf.get("/admin/")
    request.user = root
    assert not item.has_add_permission(request)
    assert not item.has_change_permission(request)
    assert not item.has_delete_permission(request)
    assert item.get_actions(request) == {}
    browser = Client()
    browser.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    listing = reverse(f"admin:{item.opts.app_label}_{item.opts.model_name}_changelist")
    assert browser.get(listing).status_code == 200
    assert browser.post(listing, {"action": "delete_selected"}).status_code in (200, 302, 403)
    assert ApprovalRequest.objects.filter(pk=row.pk).exists()


def test_otto_reads_the_trail_and_changes_nothing(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.otto.user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(reverse("admin:audit_auditrecord_changelist")).status_code == 200
    seq = AuditRecord.objects.order_by("-seq").values_list("seq", flat=True)[0]
    address = reverse("admin:audit_auditrecord_change", args=[seq])
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"person": "mallory"}).status_code == 403
    assert browser.get(reverse("admin:audit_auditrecord_delete", args=[seq])).status_code == 403
