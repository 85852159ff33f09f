"""Who may do what, route by route, as the contract says it. A route that is missing here fails the suite."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from approvals.api.base import DeskView

VAO, AO, O = "VAO", "AO", "O"  # noqa: E741 - the contract's own letters
MATRIX: dict[str, dict[str, str]] = {
    "api/arb/confirm": {"POST": O},
    "api/arb/execute": {"POST": O},
    "api/arb/opportunity": {"GET": VAO},
    "api/arb/preview": {"POST": VAO},
    "api/risk/state": {"GET": VAO},
    "api/schema": {"GET": VAO},
    "api/ui/access": {"GET": AO, "POST": O},
    "api/ui/alerts": {"GET": VAO},
    "api/ui/approvals": {"GET": VAO},
    "api/ui/approvals/<uuid:approval_id>/approve": {"POST": O},
    "api/ui/approvals/<uuid:approval_id>/deny": {"POST": O},
    "api/ui/approvals/<uuid:approval_id>/withdraw": {"POST": O},
    "api/ui/audit/export": {"GET": AO},
    "api/ui/audit_log": {"GET": AO},
    "api/ui/audit_snapshot": {"GET": VAO},
    "api/ui/break-glass": {"GET": AO, "POST": VAO},
    "api/ui/budget/reset": {"POST": O},
    "api/ui/cancel-all": {"POST": O},
    "api/ui/cancel-all-confirm": {"POST": O},
    "api/ui/cancel-all-request": {"POST": O},
    "api/ui/cancel-all/confirm": {"POST": O},
    "api/ui/cancel_all": {"POST": O},
    "api/ui/capital": {"GET": VAO},
    "api/ui/close_exposure": {"POST": O},
    "api/ui/control": {"PATCH": O},
    "api/ui/control-state": {"GET": VAO},
    "api/ui/daily_report": {"GET": VAO, "POST": O},
    "api/ui/dashboard-approve": {"POST": O},
    "api/ui/dashboard-budget-reset": {"POST": O},
    "api/ui/dashboard-control": {"POST": O},
    "api/ui/dashboard-hold": {"POST": O},
    "api/ui/dashboard-kill": {"POST": O},
    "api/ui/dashboard-resume": {"POST": O},
    "api/ui/dashboard-resume-request": {"POST": O},
    "api/ui/dashboard-unfreeze-strategy": {"POST": O},
    "api/ui/events": {"GET": VAO},
    "api/ui/events/export": {"GET": VAO},
    "api/ui/exchange_health": {"GET": VAO},
    "api/ui/hedge/log": {"GET": VAO},
    "api/ui/hold": {"POST": O},
    "api/ui/kill": {"POST": O},
    "api/ui/kill-confirm": {"POST": O},
    "api/ui/kill-request": {"POST": O},
    "api/ui/limits": {"GET": VAO, "POST": O},
    "api/ui/ops_report": {"GET": VAO},
    "api/ui/ops_report.csv": {"GET": VAO},
    "api/ui/orders": {"GET": VAO},
    "api/ui/plan/last": {"GET": VAO},
    "api/ui/pnl_history": {"GET": VAO},
    "api/ui/positions": {"GET": VAO},
    "api/ui/positions/<uuid:hedge_id>/close": {"POST": O},
    "api/ui/positions/<uuid:hedge_id>/complete": {"POST": O},
    "api/ui/positions/<uuid:hedge_id>/flatten": {"POST": O},
    "api/ui/report/daily": {"GET": VAO, "POST": O},
    "api/ui/resume": {"POST": O},
    "api/ui/resume-confirm": {"POST": O},
    "api/ui/resume-request": {"POST": O},
    "api/ui/risk_snapshot": {"GET": VAO},
    "api/ui/risk_status": {"GET": VAO},
    "api/ui/secret": {"GET": O, "POST": O},
    "api/ui/secrets/status": {"GET": O},
    "api/ui/set-strategy-enabled": {"POST": O},
    "api/ui/snapshot": {"GET": AO, "POST": AO},
    "api/ui/state": {"GET": VAO},
    "api/ui/status/components": {"GET": VAO},
    "api/ui/status/overview": {"GET": VAO},
    "api/ui/status/slo": {"GET": VAO},
    "api/ui/stop": {"POST": O},
    "api/ui/strategy/disable": {"POST": O},
    "api/ui/strategy/enable": {"POST": O},
    "api/ui/strategy_budget": {"GET": VAO},
    "api/ui/strategy_status": {"GET": VAO},
    "api/ui/unfreeze-strategy": {"POST": O},
    "api/ui/unfreeze-strategy-confirm": {"POST": O},
    "api/ui/unfreeze-strategy-request": {"POST": O},
    "api/ui/unfreeze-strategy/confirm": {"POST": O},
    "api/ui/universe": {"GET": VAO},
    "api/ui/universe/<str:symbol>": {"POST": O},
}
# Routes that carry no role: the public ones, the pages (which ask by themselves) and the admin.
OTHER_ROUTES = {
    "", "docs", "favicon.ico", "health", "healthz", "livez", "metrics", "ui/dashboard", "ui/dashboard/sections",
    "ui/hedges", "ui/hedges/<uuid:hedge_id>", "ui/login", "ui/logout",
}  # fmt: skip
# What stops or reduces may be asked as often as one likes.
NEVER_LIMITED = ("hold", "stop", "kill", "cancel", "close", "flatten")
ZERO = "00000000-0000-4000-8000-000000000000"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    pattern: str
    view: type[DeskView] | None

    @property
    def path(self) -> str:
        filled = self.pattern.replace("<uuid:approval_id>", ZERO).replace("<uuid:hedge_id>", ZERO)
        return "/" + filled.replace("<str:symbol>", "BTCUSDT")


def _walk(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for item in patterns:
        pattern = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from _walk(item.url_patterns, pattern)
            continue
        view = getattr(item.callback, "view_class", None) or getattr(item.callback, "cls", None)
        yield Route(pattern, view if view and issubclass(view, DeskView) else None)


def spelled(route: Route) -> str:
    """The path as the OpenAPI document writes it."""
    return "/" + route.pattern.replace("<uuid:", "{").replace("<str:", "{").replace(">", "}")


def routes() -> list[Route]:
    """Every route of the product outside the admin."""
    return [route for route in _walk(get_resolver("propbot.urls").url_patterns, "") if not _in_admin(route)]


def _in_admin(route: Route) -> bool:
    return route.pattern.startswith("admin/")


def served_methods(view: type[DeskView]) -> list[str]:
    return [name.upper() for name in METHODS if hasattr(view, name) and name in view.http_method_names]


def cells() -> Iterator[tuple[Route, str, str]]:
    """(route, method, the letters of the roles that may)."""
    for route in routes():
        for method, letters in MATRIX.get(route.pattern, {}).items():
            yield route, method, letters


# What leaves no audit record when it does its work: reading, and the preview, which changes nothing and names nobody.
# GET /api/ui/snapshot writes a file and is recorded.
READS_RECORDED = {"api/ui/snapshot"}
WRITES_UNRECORDED = {("POST", "api/arb/preview")}
# Whoever asked for it is refused here although the role fits (403 same_person; withdrawing is the reverse).
NOT_THE_REQUESTER = {
    "api/ui/approvals/<uuid:approval_id>/approve", "api/ui/approvals/<uuid:approval_id>/deny",
    "api/ui/cancel-all-confirm", "api/ui/cancel-all/confirm", "api/ui/dashboard-approve", "api/ui/kill-confirm",
    "api/ui/resume-confirm", "api/ui/unfreeze-strategy-confirm", "api/ui/unfreeze-strategy/confirm",
}  # fmt: skip


def unaudited() -> set[tuple[str, str]]:
    """(method, pattern) of every cell that leaves no audit record."""
    reads = {(m, r.pattern) for r, m, _ in cells() if m == "GET" and r.pattern not in READS_RECORDED}
    return reads | WRITES_UNRECORDED
