"""The trading floor in the admin: everything to look at, nothing to change."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.access.people import Cast
from tests.trading.rows import closed_hedge
from trading.models import Fill, Hedge, HedgeAttempt, Order

pytestmark = pytest.mark.django_db
MODELS = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "trading"), key=lambda model: model.__name__
)


@pytest.fixture
def browser(cast: Cast) -> Client:
    client = Client()
    User.objects.filter(pk=cast.otto.user.pk).update(is_staff=True)
    client.force_login(cast.otto.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def named(model: Any) -> str:
    return str(model.__name__)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_nobody_adds_changes_or_deletes_a_row_not_even_a_superuser(model: Any) -> None:
    page = admin.site._registry[model]
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_staff=True)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert not page.get_actions(request)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_an_auditor_searches_every_list(model: Any, browser: Client) -> None:
    address = reverse(f"admin:trading_{model._meta.model_name}_changelist")
    assert browser.get(address, {"q": "1"}).status_code == 200


def test_a_hedge_leads_to_its_orders_and_fills_and_back(browser: Client) -> None:
    hedge = closed_hedge()
    page = browser.get(reverse("admin:trading_hedge_change", args=[hedge.pk])).content.decode()
    order = Order.objects.filter(hedge=hedge).first()
    assert order is not None
    assert order.client_order_id in page
    back = browser.get(reverse("admin:trading_order_change", args=[order.pk])).content.decode()
    assert reverse("admin:trading_hedge_change", args=[hedge.pk]) in back
    fills = browser.get(reverse("admin:trading_fill_changelist")).content.decode()
    assert reverse("admin:trading_order_change", args=[order.pk]) in fills


def test_the_hedge_log_links_hedge_and_orders(browser: Client) -> None:
    hedge = closed_hedge()
    HedgeAttempt.objects.create(
        kind="execute", initiator="alice", symbol=hedge.symbol, hedge=hedge, created_at=hedge.created_at,
        not_after=hedge.created_at,
    )  # fmt: skip
    page = browser.get(reverse("admin:trading_hedgeattempt_changelist")).content.decode()
    assert reverse("admin:trading_hedge_change", args=[hedge.pk]) in page
    assert Hedge.objects.count() == 1
    assert Fill.objects.count() == 4
