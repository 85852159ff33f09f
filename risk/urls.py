"""Routes of the risk floor, with the full paths of the contract."""

from django.urls import path

from risk.api import control, limits, reading, strategies

urlpatterns = [
    path("api/ui/hold", control.HoldView.as_view(), name="hold"),
    path("api/ui/stop", control.HoldView.as_view()),
    path("api/ui/resume-request", control.ResumeRequestView.as_view(), name="resume-request"),
    path("api/ui/resume-confirm", control.ResumeConfirmView.as_view(), name="resume-confirm"),
    path("api/ui/resume", control.ResumeView.as_view(), name="resume"),
    path("api/ui/control", control.ControlView.as_view(), name="control"),
    path("api/ui/limits", limits.LimitsView.as_view(), name="limits"),
    path("api/ui/budget/reset", limits.BudgetResetView.as_view(), name="budget-reset"),
    path("api/ui/unfreeze-strategy", strategies.UnfreezeView.as_view(), name="unfreeze-strategy"),
    path("api/ui/unfreeze-strategy-request", strategies.UnfreezeView.as_view()),
    path("api/ui/unfreeze-strategy/confirm", strategies.UnfreezeConfirmView.as_view()),
    path("api/ui/unfreeze-strategy-confirm", strategies.UnfreezeConfirmView.as_view()),
    path("api/ui/strategy/enable", strategies.StrategyEnableView.as_view()),
    path("api/ui/strategy/disable", strategies.StrategyDisableView.as_view()),
    path("api/ui/set-strategy-enabled", strategies.StrategySwitchView.as_view()),
    path("api/ui/risk_snapshot", reading.RiskSnapshotView.as_view(), name="risk-snapshot"),
    path("api/risk/state", reading.RiskStateView.as_view(), name="risk-state"),
    path("api/ui/risk_status", reading.RiskStateView.as_view()),
    path("api/ui/capital", reading.CapitalView.as_view(), name="capital"),
    path("api/ui/strategy_budget", reading.StrategyBudgetView.as_view(), name="strategy-budget"),
    path("api/ui/strategy_status", reading.StrategyStatusView.as_view(), name="strategy-status"),
]
