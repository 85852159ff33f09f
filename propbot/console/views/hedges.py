"""/ui/hedges and /ui/hedges/<id>."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from propbot.console.selectors.hedge_page import hedge_page, hedge_rows
from propbot.console.views.guard import page, reader_of
from propbot.errors import RefusedError
from propbot.http.paging import page_of
from trading.choices import HedgeStatus
from trading.models import Hedge

PAGE_LENGTH, LONGEST_PAGE = 25, 200


@require_safe
@page
def hedges(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    status = status if status in HedgeStatus.values else ""
    symbol = request.GET.get("symbol", "")[:32].replace("\x00", "")
    try:
        asked = page_of(request.GET, default=PAGE_LENGTH, maximum=LONGEST_PAGE)
    except RefusedError as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain")
    context = {
        "found": hedge_rows(status=status, symbol=symbol, page=asked),
        "statuses": HedgeStatus.values,
        "status": status,
        "symbol": symbol,
        "filters": urlencode([("status", status), ("symbol", symbol), ("limit", str(asked.limit))]),
    }
    return render(request, "console/hedges.html", {**context, "who": reader_of(request), "page": "hedges"})


@require_safe
@page
def hedge_detail(request: HttpRequest, hedge_id: uuid.UUID) -> HttpResponse:
    hedge = get_object_or_404(Hedge, pk=hedge_id)
    return render(request, "console/hedge.html", {**hedge_page(hedge), "who": reader_of(request), "page": "hedges"})
