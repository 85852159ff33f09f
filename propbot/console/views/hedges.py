"""/ui/hedges and /ui/hedges/<id>."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from propbot.console.selectors.hedge_page import hedge_page, hedge_rows
from propbot.console.views.guard import page, reader_of
from trading.choices import HedgeStatus
from trading.models import Hedge


@require_safe
@page
def hedges(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    status = status if status in HedgeStatus.values else ""
    symbol = request.GET.get("symbol", "")[:32]
    context = {"rows": hedge_rows(status=status, symbol=symbol), "statuses": HedgeStatus.values, "status": status}
    return render(
        request, "console/hedges.html", {**context, "symbol": symbol, "who": reader_of(request), "page": "hedges"}
    )


@require_safe
@page
def hedge_detail(request: HttpRequest, hedge_id: uuid.UUID) -> HttpResponse:
    hedge = get_object_or_404(Hedge, pk=hedge_id)
    return render(request, "console/hedge.html", {**hedge_page(hedge), "who": reader_of(request), "page": "hedges"})
