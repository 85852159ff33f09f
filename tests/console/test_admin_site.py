"""The admin as the law wants it: themed, with the desk's state, and nothing that matters writable."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin

from audit.models import AuditRecord
from propbot.console.theme import NAVIGATION
from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)
GUARDED_APPS = {"audit", "approvals", "risk", "trading", "auth", "knox", "otp_totp", "axes", "upkeep"}


@pytest.fixture
def root(cast: Cast) -> Client:
    """The administrator, a superuser: not thereby an operator."""
    User.objects.create_superuser("root", password="a-long-enough-password")
    client = Client()
    client.force_login(User.objects.get(username="root"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def registered() -> list[Any]:
    return sorted(admin.site._registry.values(), key=lambda item: item.model._meta.label)


def test_every_model_admin_wears_the_theme() -> None:
    assert [item.model._meta.label for item in registered() if not isinstance(item, ModelAdmin)] == []


def test_not_even_a_superuser_can_write_what_the_law_guards(db: None) -> None:
    request = RequestFactory().get("/admin/")
    request.user = User(username="root", is_superuser=True, is_staff=True, is_active=True)
    writable = []
    for item in registered():
        if item.model._meta.app_label not in GUARDED_APPS:
            continue
        may = (
            item.has_add_permission(request),
            item.has_change_permission(request),
            item.has_delete_permission(request),
        )
        if any(may) or "delete_selected" in item.get_actions(request):
            writable.append(item.model._meta.label)
    assert writable == []


def test_every_model_of_the_house_is_registered() -> None:
    from django.apps import apps

    known = {item.model for item in registered()} | {inline.model for item in registered() for inline in item.inlines}
    hidden = {"SealedSecret", "TokenNote", "TokenGuard", "IdempotentAnswer", "RateBucket"}
    missing = [
        model._meta.label
        for app in ("audit", "approvals", "risk", "trading")
        for model in apps.get_app_config(app).get_models()
        if model not in known and model.__name__ not in hidden
    ]
    assert missing == []


def test_every_link_of_the_navigation_answers(root: Client) -> None:
    links = [item["link"] for section in NAVIGATION for item in section["items"] if item["link"].startswith("/admin/")]
    wrong = [(link, root.get(link).status_code) for link in links if root.get(link).status_code != 200]
    assert wrong == []


def test_the_desk_stands_on_top_of_every_page(root: Client) -> None:
    for path in ("/admin/", "/admin/auth/user/"):
        text = root.get(path).content.decode()
        assert 'class="desk-banner" data-state="hold"' in text
        assert "Two people are needed to resume" in text


def test_a_changed_schedule_is_recorded(root: Client) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    task = PeriodicTask.objects.create(name="scan", task="x", interval=interval)
    path = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    fields = dict(re.findall(r'name="([a-z_0-9-]+)"[^>]*value="([^"]*)"', root.get(path).content.decode()))
    fields.pop("csrfmiddlewaretoken", None)
    sent = {**fields, "name": "scan", "task": "x", "regtask": "", "interval": interval.pk, "args": "[]", "kwargs": "{}"}
    sent |= {"headers": "{}", "description": "slower", "enabled": "on"}
    answer = root.post(path, sent)
    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>", answer.content.decode(), re.S)
    row = AuditRecord.objects.get(action="schedule_change")
    assert (row.person, row.channel) == ("root", "admin")
    assert row.details["changed"]["description"][1] == "slower"


def test_the_auditor_reads_the_trail_and_the_viewer_does_not(cast: Cast) -> None:
    assert cast.otto.session().get("/admin/audit/auditrecord/").status_code == 200
    assert cast.vera.session().get("/admin/audit/auditrecord/").status_code in (302, 403)
