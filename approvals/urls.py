"""Routes of the approvals, the secrets and the records."""

from django.urls import URLPattern, path

from approvals.api import glass, records, requests, secret

urlpatterns: list[URLPattern] = [
    path("api/ui/approvals", requests.ApprovalsView.as_view()),
    path("api/ui/approvals/<uuid:approval_id>/approve", requests.ApproveView.as_view()),
    path("api/ui/approvals/<uuid:approval_id>/deny", requests.DenyView.as_view()),
    path("api/ui/approvals/<uuid:approval_id>/withdraw", requests.WithdrawView.as_view()),
    path("api/ui/break-glass", glass.BreakGlassView.as_view()),
    path("api/ui/access", requests.AccessView.as_view()),
    path("api/ui/secret", secret.SecretView.as_view()),
    path("api/ui/secrets/status", secret.SecretsStatusView.as_view()),
    path("api/ui/alerts", records.AlertsView.as_view()),
    path("api/ui/events", records.EventsView.as_view()),
    path("api/ui/events/export", records.EventsExportView.as_view()),
    path("api/ui/audit_log", records.AuditLogView.as_view()),
    path("api/ui/audit/export", records.AuditExportView.as_view()),
]
