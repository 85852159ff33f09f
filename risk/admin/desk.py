"""The desk: its row, its starts, and the steps that one operator may take by hand."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from audit.context import current_actor
from risk.admin.base import AskingAdmin, ReadOnlyAdmin, button, column
from risk.models import (
    ApprovedResume,
    AutopilotDecision,
    ControlChange,
    ControlSettings,
    DeskStart,
    DeskState,
    TraderLease,
)
from risk.services.control import control_change
from risk.services.desk import dry_run_engage, resume, resume_request, safe_mode_engage
from risk.services.hold import hold_engage

BACK = "admin:risk_deskstate_changelist"
MODE_COLOURS = {"HOLD": "danger", "RUN": "success"}


@admin.register(DeskState)
class DeskStateAdmin(AskingAdmin):
    list_display = ("shown_mode", "hold_id", "hold_active", "hold_reason", "hold_source", "safe_mode", "dry_run")
    actions_list: ClassVar = [
        "hold",
        "ask_resume",
        "run",
        "safe_mode_on",
        "ask_safe_mode_off",
        "dry_run_on",
        "ask_dry_run_off",
    ]

    @column(description="mode", label=MODE_COLOURS)
    def shown_mode(self, row: DeskState) -> str:
        return row.mode

    def _ask(self, request: HttpRequest, title: str, explanation: str, act: Any) -> HttpResponse:
        return self.ask(request, title=title, explanation=explanation, act=act, back=reverse(BACK))

    @button(description="Engage HOLD", url_path="hold")
    def hold(self, request: HttpRequest) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            result = hold_engage(reason=data["reason"], source=current_actor().name)
            wire = ", ".join(result.in_flight or []) or "nothing"
            return f"HOLD #{result.hold_id} stands. On the wire: {wire}"

        return self._ask(request, "Engage HOLD", "Stops every opening order at once. Reductions and cancels pass.", act)

    @button(description="Ask to resume", url_path="ask-resume")
    def ask_resume(self, request: HttpRequest) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            return f"Another operator decides: {resume_request(reason=data['reason']).sentence}"

        return self._ask(request, "Ask to resume", "A second operator clears HOLD with this request.", act)

    @button(description="Run", url_path="run")
    def run(self, request: HttpRequest) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            return f"The desk is in {resume(reason=data['reason']).mode}"

        return self._ask(request, "Run", "Possible once HOLD is cleared and SAFE_MODE is off.", act)

    @button(description="SAFE_MODE on", url_path="safe-mode-on")
    def safe_mode_on(self, request: HttpRequest) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            safe_mode_engage(reason=data["reason"], source=current_actor().name)
            return "SAFE_MODE is on"

        return self._ask(request, "SAFE_MODE on", "No opening order leaves; monitoring and reductions continue.", act)

    @button(description="Ask for SAFE_MODE off", url_path="ask-safe-mode-off")
    def ask_safe_mode_off(self, request: HttpRequest) -> HttpResponse:
        return self._ask_off(request, "safe_mode", "SAFE_MODE")

    @button(description="DRY_RUN on", url_path="dry-run-on")
    def dry_run_on(self, request: HttpRequest) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            dry_run_engage(reason=data["reason"], source=current_actor().name)
            return "DRY_RUN is on"

        return self._ask(request, "DRY_RUN on", "New hedges are simulated; the exits of real ones stay real.", act)

    @button(description="Ask for DRY_RUN off", url_path="ask-dry-run-off")
    def ask_dry_run_off(self, request: HttpRequest) -> HttpResponse:
        return self._ask_off(request, "dry_run_mode", "DRY_RUN")

    def _ask_off(self, request: HttpRequest, flag: str, name: str) -> HttpResponse:
        def act(data: dict[str, Any]) -> str:
            pending = control_change(changes={flag: False}, reason=data["reason"]).pending
            return f"Another operator decides: {pending.sentence}" if pending else f"{name} is off already"

        return self._ask(request, f"Ask for {name} off", "A loosening: a second operator decides.", act)


@admin.register(ControlSettings)
class ControlSettingsAdmin(ReadOnlyAdmin):
    list_display = ("order_notional_usdt", "max_slippage_bps", "min_spread_bps", "auto_hedge_enabled", "changed_at")


@admin.register(ControlChange)
class ControlChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "person", "before", "after", "reason")
    search_fields = ("person", "reason")
    date_hierarchy = "at"


@admin.register(TraderLease)
class TraderLeaseAdmin(ReadOnlyAdmin):
    list_display = ("holder", "epoch", "acquired_at", "renewed_at", "expires_at")


@admin.register(DeskStart)
class DeskStartAdmin(ReadOnlyAdmin):
    list_display = ("epoch", "build", "fingerprint", "started_at", "stopped_at")
    search_fields = ("build", "fingerprint")


@admin.register(ApprovedResume)
class ApprovedResumeAdmin(ReadOnlyAdmin):
    list_display = ("hold_id", "build", "fingerprint", "at")


@admin.register(AutopilotDecision)
class AutopilotDecisionAdmin(ReadOnlyAdmin):
    list_display = ("at", "trader_epoch", "verdict", "reason")
    list_filter = ("verdict",)
    search_fields = ("reason",)
