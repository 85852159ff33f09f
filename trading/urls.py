"""Routes of the trading floor, as API.md names them."""

from django.urls import path

from trading.api import arb, kill, positions, records

urlpatterns = [
    path("api/arb/preview", arb.PreviewView.as_view(), name="arb-preview"),
    path("api/arb/execute", arb.ExecuteView.as_view(), name="arb-execute"),
    path("api/arb/opportunity", arb.OpportunityView.as_view(), name="arb-opportunity"),
    path("api/arb/confirm", arb.ConfirmView.as_view(), name="arb-confirm"),
    path("api/ui/positions", positions.PositionsView.as_view(), name="positions"),
    path("api/ui/positions/<uuid:hedge_id>/close", positions.CloseView.as_view(), name="position-close"),
    path("api/ui/positions/<uuid:hedge_id>/complete", positions.CompleteView.as_view(), name="position-complete"),
    path("api/ui/positions/<uuid:hedge_id>/flatten", positions.FlattenView.as_view(), name="position-flatten"),
    path("api/ui/close_exposure", positions.CloseExposureView.as_view(), name="close-exposure"),
    path("api/ui/orders", records.OrdersView.as_view(), name="orders"),
    path("api/ui/hedge/log", records.HedgeLogView.as_view(), name="hedge-log"),
    path("api/ui/plan/last", records.LastPlanView.as_view(), name="plan-last"),
    path("api/ui/universe", records.UniverseView.as_view(), name="universe"),
    path("api/ui/universe/<str:symbol>", records.UniverseSymbolView.as_view(), name="universe-symbol"),
    path("api/ui/exchange_health", records.ExchangeHealthView.as_view(), name="exchange-health"),
    path("api/ui/pnl_history", records.PnlHistoryView.as_view(), name="pnl-history"),
    path("api/ui/kill", kill.KillView.as_view(), name="kill"),
    path("api/ui/kill-request", kill.KillRequestView.as_view(), name="kill-request"),
    path("api/ui/kill-confirm", kill.KillConfirmView.as_view(), name="kill-confirm"),
    *(
        path(f"api/ui/{spelling}", kill.CancelAllRequestView.as_view(), name=spelling)
        for spelling in ("cancel-all", "cancel_all", "cancel-all-request")
    ),
    *(
        path(f"api/ui/{spelling}", kill.CancelAllConfirmView.as_view(), name=spelling)
        for spelling in ("cancel-all/confirm", "cancel-all-confirm")
    ),
]
