"""The console's routes, full paths as the contract has them, without a trailing slash."""

from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from propbot.console.api import records, schema, status
from propbot.console.views import dashboard, forms, health, hedges, login

urlpatterns: list[URLPattern | URLResolver] = [
    path("", dashboard.front_door),
    path("favicon.ico", RedirectView.as_view(url="/static/console/mark.svg")),
    path("livez", health.livez),
    path("healthz", health.healthz),
    path("health", health.healthz),
    path("metrics", health.metrics),
    path("api/schema", schema.SchemaView.as_view(), name="schema"),
    path("docs", schema.docs, name="docs"),
    path("api/ui/status/overview", status.OverviewView.as_view()),
    path("api/ui/status/components", status.ComponentsView.as_view()),
    path("api/ui/status/slo", status.SloView.as_view()),
    path("api/ui/state", status.StateView.as_view()),
    path("api/ui/control-state", status.StateView.as_view()),
    path("api/ui/ops_report", records.OpsReportView.as_view()),
    path("api/ui/ops_report.csv", records.OpsReportCsvView.as_view()),
    path("api/ui/snapshot", records.SnapshotView.as_view()),
    path("api/ui/audit_snapshot", records.AuditSnapshotView.as_view()),
    path("api/ui/daily_report", records.DailyReportView.as_view()),
    path("api/ui/report/daily", records.DailyReportView.as_view()),
    path("api/ui/dashboard-hold", forms.HoldForm.as_view()),
    path("api/ui/dashboard-resume-request", forms.ResumeRequestForm.as_view()),
    path("api/ui/dashboard-resume", forms.ResumeForm.as_view()),
    path("api/ui/dashboard-control", forms.ControlForm.as_view()),
    path("api/ui/dashboard-kill", forms.KillForm.as_view()),
    path("api/ui/dashboard-unfreeze-strategy", forms.UnfreezeForm.as_view()),
    path("api/ui/dashboard-budget-reset", forms.BudgetResetForm.as_view()),
    path("api/ui/dashboard-approve", forms.DecisionForm.as_view()),
    path("ui/login", login.DeskLogin.as_view(), name="login"),
    path("ui/logout", login.DeskLogout.as_view(), name="logout"),
    path("ui/dashboard", dashboard.dashboard, name="dashboard"),
    path("ui/dashboard/sections", dashboard.sections),
    path("ui/hedges", hedges.hedges),
    path("ui/hedges/<uuid:hedge_id>", hedges.hedge_detail),
]
