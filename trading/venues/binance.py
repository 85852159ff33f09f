"""Binance USD-M in its own words. Endpoints, weights and fields: VENUES.md sections 2, 3 and 8."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.venues import errors, parsing
from trading.venues.base import (
    FeeInfo,
    OrderRequest,
    Outcome,
    OutcomeKind,
    VenueAccount,
    VenueError,
    VenueFill,
    VenueLedgerRow,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
)
from trading.venues.binance_market import BinanceMarket
from trading.venues.dialect import BPS, Finding, Listing, now

STATUS = {
    "NEW": VenueOrderStatus.OPEN,
    "PARTIALLY_FILLED": VenueOrderStatus.OPEN,
    "FILLED": VenueOrderStatus.FILLED,
    "CANCELED": VenueOrderStatus.CANCELED,
    "EXPIRED": VenueOrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": VenueOrderStatus.EXPIRED,
    "REJECTED": VenueOrderStatus.REJECTED,
}
SIDE = {"BUY": "buy", "SELL": "sell"}
TIME_IN_FORCE = {"ioc": "IOC", "gtc": "GTC", "post_only": "GTX"}
INCOME = {
    "FUNDING_FEE": "funding",
    "COMMISSION": "fee",
    "REALIZED_PNL": "realized_pnl",
    "TRANSFER": "transfer",
}
# How Binance names the orders that it makes for an account by itself.
FORCED = (("adl_autoclose", "adl"), ("autoclose-", "liquidation"))
MOST_LEVERAGE = 1000  # the venue's highest is 125
LARGEST_ID = 2**63 - 1
PAGE = 1000
MAX_PAGES = 50
FILL_WINDOW = timedelta(days=6, hours=23)  # the venue refuses a range of more than seven days


class BinanceDialect(BinanceMarket):
    """Quantities are base units already: contract_size is always 1."""

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        """The expiry counts from the committed sending time, not from the moment of signing (S3).

        A market order carries no timeInForce: the venue refuses it with -1106.
        """
        params: dict[str, Any] = {
            "newClientOrderId": request.client_order_id,
            "newOrderRespType": "RESULT",
            "timestamp": parsing.epoch_ms(request.sending_at),
            "recvWindow": max(1, (request.expires_at - request.sending_at) // timedelta(milliseconds=1)),
        }
        if request.order_type != "market":
            params["timeInForce"] = TIME_IN_FORCE[request.time_in_force]
        if request.reduce_only:
            params["reduceOnly"] = "true"
        return params

    def order(self, row: parsing.Row, listing: Listing) -> VenueOrder:
        return VenueOrder(
            client_order_id=parsing.text(row, "clientOrderId"),
            venue_order_id=_integer(row, "orderId"),
            symbol=listing.info.symbol,
            status=parsing.one_of(row, "status", STATUS),
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "origQty"),
            filled_quantity=parsing.not_negative(row, "executedQty"),
            average_price=parsing.optional_price(row, "avgPrice"),
            limit_price=parsing.optional_price(row, "price"),
            reduce_only=parsing.flag(row, "reduceOnly"),
            updated_at=parsing.optional_moment(row, "updateTime"),
        )

    def order_in_answer(self, body: str, listing: Listing) -> VenueOrder | None:
        try:
            return self.order(parsing.row(parsing.read_json(body)), listing)
        except parsing.FieldError:
            return None

    async def fetch_order(self, listing: Listing, client_order_id: str) -> VenueOrder | None:
        asked = {"symbol": listing.info.venue_symbol, "origClientOrderId": client_order_id}
        try:
            raw = await self._wire.call("fapiPrivateGetOrder", asked)
        except VenueError as error:
            if error.code == "-2013":
                return None
            raise
        return self.order(parsing.row(raw), listing)

    async def open_orders(self, listing: Listing | None) -> list[VenueOrder]:
        asked = {} if listing is None else {"symbol": listing.info.venue_symbol}
        raw = await self._wire.call("fapiPrivateGetOpenOrders", asked, weight=1 if listing else 40)
        return [self.order(row, self._listings.named(row.get("symbol"))) for row in parsing.rows(raw)]

    async def fills(self, listing: Listing, since: datetime) -> list[VenueFill]:
        rows: list[parsing.Row] = []
        start, end = since, now()
        while start < end:
            until = min(start + FILL_WINDOW, end)
            rows += await self._fills_between(listing, start, until)
            start = until + timedelta(milliseconds=1)
        unique = {_integer(row, "id"): row for row in rows}
        fees = await self._fee_values({str(row.get("commissionAsset")) for row in unique.values()})
        return [self._fill(row, listing, fees) for row in unique.values()]

    async def _fills_between(self, listing: Listing, start: datetime, until: datetime) -> list[parsing.Row]:
        rows: list[parsing.Row] = []
        begin = parsing.epoch_ms(start)
        for _ in range(MAX_PAGES):
            asked = {
                "symbol": listing.info.venue_symbol,
                "startTime": begin,
                "endTime": parsing.epoch_ms(until),
                "limit": PAGE,
            }
            page = parsing.rows(await self._wire.call("fapiPrivateGetUserTrades", asked, weight=5))
            rows += page
            if len(page) < PAGE:
                return rows
            begin = parsing.epoch_ms(parsing.moment(page[-1], "time"))
        raise VenueError(self._wire.venue, "too_many_rows", "more fills than 50 pages hold")

    async def _fee_values(self, assets: set[str]) -> dict[str, Decimal]:
        """USDT per unit of each fee asset: 1, or the venue's mark where fees are burned in another asset."""
        table = {"USDT": Decimal(1)}
        for asset in assets - {"USDT"}:
            raw = await self._wire.call("fapiPublicGetPremiumIndex", {"symbol": f"{asset}USDT"})
            table[asset] = parsing.positive(parsing.row(raw), "markPrice")
        return table

    def _fill(self, row: parsing.Row, listing: Listing, fees: Mapping[str, Decimal]) -> VenueFill:
        return VenueFill(
            trade_id=_integer(row, "id"),
            venue_order_id=_integer(row, "orderId"),
            client_order_id="",
            symbol=listing.info.symbol,
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "qty"),
            price=parsing.positive(row, "price"),
            fee_usdt=parsing.number(row, "commission") * fees[parsing.text(row, "commissionAsset")],
            is_maker=parsing.flag(row, "maker"),
            filled_at=parsing.moment(row, "time"),
        )

    async def cause(self, listing: Listing, venue_order_id: str) -> str:
        """By the client ids that Binance gives its own orders; its trades do not carry them."""
        asked = {"symbol": listing.info.venue_symbol, "orderId": venue_order_id}
        name = parsing.text(parsing.row(await self._wire.call("fapiPrivateGetOrder", asked)), "clientOrderId")
        return next((cause for prefix, cause in FORCED if name.startswith(prefix)), "")

    async def positions(self) -> list[VenuePosition]:
        raw = await self._wire.call("fapiPrivateV3GetPositionRisk", {}, weight=5)
        held = [row for row in parsing.rows(raw) if parsing.number(row, "positionAmt") != 0]
        return [self._position(row) for row in held]

    def _position(self, row: parsing.Row) -> VenuePosition:
        if row.get("positionSide") not in (None, "BOTH"):
            raise VenueError(self._wire.venue, "hedge_mode", "the account holds positions in hedge mode")
        return VenuePosition(
            symbol=self._listings.named(row.get("symbol")).info.symbol,
            quantity=parsing.number(row, "positionAmt"),
            entry_price=parsing.optional_price(row, "entryPrice"),
            mark_price=parsing.optional_price(row, "markPrice"),
            liquidation_price=parsing.optional_price(row, "liquidationPrice"),
            unrealized_pnl_usdt=parsing.optional_number(row, "unRealizedProfit"),
        )

    async def account(self) -> VenueAccount:
        raw = parsing.row(await self._wire.call("fapiPrivateV3GetAccount", {}, weight=5))
        usdt = parsing.only([row for row in parsing.rows(raw.get("assets")) if row.get("asset") == "USDT"])
        wallet = parsing.number(usdt, "walletBalance")
        return VenueAccount(
            wallet_usdt=wallet,
            equity_usdt=parsing.number(usdt, "marginBalance"),
            available_usdt=parsing.number(usdt, "availableBalance"),
            maintenance_margin_usdt=parsing.optional_number(usdt, "maintMargin"),
            read_at=now(),
        )

    async def ledger(self, since: datetime) -> list[VenueLedgerRow]:
        rows: dict[str, VenueLedgerRow] = {}
        begin = parsing.epoch_ms(since)
        for _ in range(MAX_PAGES):
            asked = {"startTime": begin, "limit": PAGE}
            page = parsing.rows(await self._wire.call("fapiPrivateGetIncome", asked, weight=30))
            rows.update((entry.reference, entry) for entry in map(self._income, page))
            if len(page) < PAGE:
                return list(rows.values())
            begin = parsing.epoch_ms(parsing.moment(page[-1], "time"))
        raise VenueError(self._wire.venue, "too_many_rows", "more income rows than 50 pages hold")

    def _income(self, row: parsing.Row) -> VenueLedgerRow:
        """tranId is unique per user and type only; a trade's pnl and commission share it. tradeId is text, or empty."""
        kind = parsing.text(row, "incomeType")
        trade = parsing.ident(row, "tradeId") if row.get("tradeId") else ""
        listing = self._listings.of_row(row.get("symbol"))
        return VenueLedgerRow(
            reference=f"{kind}:{_integer(row, 'tranId')}:{trade}",
            kind=INCOME.get(kind, "other"),
            symbol=listing.info.symbol if listing else str(row.get("symbol") or ""),
            amount=parsing.number(row, "income"),
            currency=parsing.text(row, "asset"),
            at=parsing.moment(row, "time"),
        )

    async def fee(self, listing: Listing) -> FeeInfo:
        asked = {"symbol": listing.info.venue_symbol}
        raw = parsing.row(await self._wire.call("fapiPrivateGetCommissionRate", asked, weight=20))
        taker, maker = parsing.number(raw, "takerCommissionRate"), parsing.number(raw, "makerCommissionRate")
        return FeeInfo(symbol=listing.info.symbol, taker_bps=taker * BPS, maker_bps=maker * BPS)

    async def max_leverages(self) -> dict[str, Decimal]:
        raw = parsing.rows(await self._wire.call("fapiPrivateGetLeverageBracket", {}))
        table = {}
        for row in raw:
            listing = self._listings.of_row(row.get("symbol"))
            brackets = parsing.rows(row.get("brackets"))
            if listing and brackets:
                steps = [parsing.count(bracket, "initialLeverage", MOST_LEVERAGE) for bracket in brackets]
                table[listing.info.symbol] = Decimal(max(steps))
        return table

    async def findings(self) -> list[Finding]:
        return [
            *await self._position_mode(),
            *await self._margin_modes(),
            *await self._permissions(),
        ]

    async def _position_mode(self) -> list[Finding]:
        raw = parsing.row(await self._wire.call("fapiPrivateGetPositionSideDual", {}, weight=30))
        dual = parsing.flag(raw, "dualSidePosition")
        problem = "the account is in hedge mode: set one-way mode (reduce-only needs it)" if dual else ""
        return [Finding("position_mode", "hedge" if dual else "one_way", problem)]

    async def _margin_modes(self) -> list[Finding]:
        raw = parsing.rows(await self._wire.call("fapiPrivateGetSymbolConfig", {}, weight=5))
        isolated = [str(row.get("symbol")) for row in raw if row.get("marginType") != "CROSSED"]
        names = ", ".join(isolated[:5])
        problem = f"margin mode is not cross on {len(isolated)} symbols: {names}" if isolated else ""
        return [Finding("margin_mode", "isolated" if isolated else "cross", problem)]

    async def _permissions(self) -> list[Finding]:
        raw = parsing.row(await self._wire.call("sapiGetAccountApiRestrictions", {}))
        withdraw, futures = parsing.flag(raw, "enableWithdrawals"), parsing.flag(raw, "enableFutures")
        return [
            Finding("may_withdraw", withdraw, "the key may withdraw: make one without that right" if withdraw else ""),
            Finding("may_trade", futures, "" if futures else "the key may not trade futures"),
            Finding("ip_restricted", raw.get("ipRestrict")),
        ]

    async def arm(self, listings: Sequence[Listing], seconds: float) -> Outcome:
        """Countdown per symbol; 0 disarms. The answer must repeat the countdown."""
        milliseconds = int(seconds * 1000)
        outcome = Outcome(OutcomeKind.ACCEPTED)
        for listing in listings:
            asked = {"symbol": listing.info.venue_symbol, "countdownTime": milliseconds}
            answer = await self._wire.mutate("fapiPrivatePostCountdownCancelAll", asked)
            document = parsing.read_json(answer.body)
            proved = isinstance(document, dict) and str(document.get("countdownTime")) == str(milliseconds)
            outcome = errors.classify_setting(answer, accepted=proved)
            if outcome.kind != OutcomeKind.ACCEPTED:
                return outcome
        return outcome


def _integer(row: parsing.Row, name: str) -> str:
    """Ids are JSON integers of 64 bits here; anything else is not an id."""
    if isinstance(row.get(name), str):
        raise parsing.FieldError(f"{name} is not an id")
    return str(parsing.count(row, name, LARGEST_ID))
