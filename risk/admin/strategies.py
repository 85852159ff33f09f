"""Strategies and what has become of them."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from risk.admin.base import AskingAdmin, ReadOnlyAdmin, ReadOnlyInline, button, column
from risk.models import Strategy, StrategyEvent
from risk.services import strategies as service

COLOURS = {"active": "success", "frozen": "danger", "disabled": "warning", "throttled": "danger"}


class EventInline(ReadOnlyInline):
    model = StrategyEvent
    fields = ("at", "kind", "person", "reason")


@admin.register(Strategy)
class StrategyAdmin(AskingAdmin):
    list_display = ("name", "state", "consecutive_failures", "daily_loss_usdt", "max_notional_usdt", "last_reset_at")
    inlines: ClassVar = [EventInline]
    actions_detail: ClassVar = ["disable", "ask_enable", "ask_unfreeze", "reset_budget"]

    @column(description="state", label=COLOURS)
    def state(self, row: Strategy) -> str:
        if row.frozen:
            return "frozen"
        if row.throttled:
            return "throttled"
        return "active" if row.enabled else "disabled"

    def _ask(
        self, request: HttpRequest, title: str, explanation: str, act: Callable[[dict[str, Any]], str]
    ) -> HttpResponse:
        back = reverse("admin:risk_strategy_changelist")
        return self.ask(request, title=title, explanation=explanation, act=act, back=back)

    @button(description="Disable", url_path="disable")
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            service.strategy_disable(name=object_id, reason=data["reason"])
            return f"{object_id} is disabled"

        return self._ask(request, f"Disable {object_id}", "It opens nothing any more, from now on.", act)

    @button(description="Ask to enable", url_path="ask-enable")
    def ask_enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            pending = service.strategy_enable_request(name=object_id, reason=data["reason"])
            return f"Another operator decides: {pending.sentence}" if pending else f"{object_id} is enabled already"

        return self._ask(request, f"Ask to enable {object_id}", "A loosening: a second operator decides.", act)

    @button(description="Ask to unfreeze", url_path="ask-unfreeze")
    def ask_unfreeze(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            pending = service.strategy_unfreeze_request(name=object_id, reason=data["reason"])
            return f"Another operator decides: {pending.sentence}"

        return self._ask(request, f"Ask to unfreeze {object_id}", "A loosening: a second operator decides.", act)

    @button(description="Reset the daily budget", url_path="reset-budget")
    def reset_budget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            service.budget_reset(name=object_id, reason=data["reason"])
            return f"The daily budget of {object_id} is full again"

        return self._ask(
            request,
            f"Reset the daily budget of {object_id}",
            "Once per strategy and day, by one operator; it is recorded and alerted.",
            act,
        )


@admin.register(StrategyEvent)
class StrategyEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "strategy", "kind", "person", "reason")
    list_filter = ("kind", "strategy")
    search_fields = ("person", "reason")
