"""OKX swaps in their own words: contracts are converted to base units here and nowhere else.

Endpoints and fields: VENUES.md sections 2, 3 and 8. Weights are calls of a limit of 20 in two seconds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.venues import errors, parsing
from trading.venues.base import (
    FeeInfo,
    OrderRequest,
    Outcome,
    VenueAccount,
    VenueError,
    VenueFill,
    VenueLedgerRow,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
)
from trading.venues.dialect import BPS, Finding, Listing, now
from trading.venues.okx_market import SWAP, OkxMarket, data_of

STATUS = {
    "live": VenueOrderStatus.OPEN,
    "partially_filled": VenueOrderStatus.OPEN,
    "filled": VenueOrderStatus.FILLED,
    "canceled": VenueOrderStatus.CANCELED,
    "mmp_canceled": VenueOrderStatus.CANCELED,
}
SIDE = {"buy": "buy", "sell": "sell"}
TIME_IN_FORCE: dict[str, dict[str, Any]] = {"ioc": {"timeInForce": "IOC"}, "gtc": {}, "post_only": {"postOnly": True}}
# Categories of orders that OKX makes for an account by itself.
FORCED = {"adl": "adl", "full_liquidation": "liquidation", "partial_liquidation": "liquidation"}
PAGE = 100
MAX_PAGES = 200
RECENT_FILLS = timedelta(days=2, hours=12)  # trade/fills holds three days; older ones are in fills-history
BILLS_RECENT = timedelta(days=6, hours=12)  # account/bills holds seven days
NOT_FOUND = frozenset({"51603"})
BILL_TRANSFER, BILL_TRADE, BILL_FUNDING = "1", "2", "8"
TRADE_LIKE = frozenset({BILL_TRADE, "3", "5", "9"})  # trade, delivery, liquidation, ADL carry pnl and fee


class OkxDialect(OkxMarket):
    """The account's side: orders, fills, positions, money, modes."""

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        """The expiry travels in the expTime header, which the wire adds."""
        params: dict[str, Any] = {"clientOrderId": request.client_order_id, "tdMode": "cross"}
        if request.order_type != "market":
            params |= TIME_IN_FORCE[request.time_in_force]
        if request.reduce_only:
            params["reduceOnly"] = True
        return params

    def order(self, row: parsing.Row, listing: Listing) -> VenueOrder:
        return VenueOrder(
            client_order_id=str(row.get("clOrdId") or ""),
            venue_order_id=parsing.ident(row, "ordId"),
            symbol=listing.info.symbol,
            status=parsing.one_of(row, "state", STATUS),
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "sz") * listing.contract_size,
            filled_quantity=parsing.not_negative(row, "accFillSz") * listing.contract_size,
            average_price=parsing.optional_price(row, "avgPx"),
            limit_price=parsing.optional_price(row, "px"),
            reduce_only=parsing.flag(row, "reduceOnly"),
            updated_at=parsing.optional_moment(row, "uTime"),
        )

    def order_in_answer(self, body: str, listing: Listing) -> VenueOrder | None:
        """An acknowledgement carries no fill (VENUES 3): the order must be fetched."""
        return None

    async def fetch_order(self, listing: Listing, client_order_id: str) -> VenueOrder | None:
        asked = {"instId": listing.info.venue_symbol, "clOrdId": client_order_id}
        try:
            found = await self._data("privateGetTradeOrder", asked, weight=0.2)
        except VenueError as error:
            if error.code in NOT_FOUND:
                return None
            raise
        return self.order(parsing.only(found), listing)

    async def open_orders(self, listing: Listing | None) -> list[VenueOrder]:
        asked = SWAP if listing is None else SWAP | {"instId": listing.info.venue_symbol}
        rows = await self._pages("privateGetTradeOrdersPending", asked, "ordId", weight=0.4)
        return [self.order(row, self._listings.named(row.get("instId"))) for row in rows]

    async def _pages(self, method: str, asked: Mapping[str, Any], cursor: str, *, weight: float) -> list[parsing.Row]:
        rows: dict[str, parsing.Row] = {}
        page = {**asked, "limit": str(PAGE)}
        for _ in range(MAX_PAGES):
            found = await self._data(method, page, weight=weight)
            fresh = {parsing.text(row, cursor): row for row in found}
            if len(found) < PAGE or not fresh.keys() - rows.keys():
                return [*rows.values(), *(row for key, row in fresh.items() if key not in rows)]
            rows |= fresh
            page["after"] = parsing.text(found[-1], cursor)
        raise VenueError(self._wire.venue, "too_many_rows", f"more rows than {MAX_PAGES} pages hold")

    async def fills(self, listing: Listing, since: datetime) -> list[VenueFill]:
        recent = since > now() - RECENT_FILLS
        method = "privateGetTradeFills" if recent else "privateGetTradeFillsHistory"
        asked = SWAP | {"instId": listing.info.venue_symbol, "begin": str(parsing.epoch_ms(since))}
        rows = await self._pages(method, asked, "billId", weight=0.4)
        fees = await self._fee_values({str(row.get("feeCcy") or "USDT") for row in rows})
        fills = [self._fill(row, listing, fees) for row in rows]
        return [fill for fill in fills if fill.filled_at >= since]

    async def _fee_values(self, assets: set[str]) -> dict[str, Decimal]:
        """USDT per unit of each fee asset; a linear swap is charged in USDT, so this is nearly always 1."""
        table = {"USDT": Decimal(1)}
        for asset in assets - {"USDT"}:
            asked = SWAP | {"instId": f"{asset}-USDT-SWAP"}
            table[asset] = parsing.positive(parsing.only(await self._data("publicGetPublicMarkPrice", asked)), "markPx")
        return table

    def _fill(self, row: parsing.Row, listing: Listing, fees: Mapping[str, Decimal]) -> VenueFill:
        """OKX writes a paid fee as a negative number."""
        return VenueFill(
            trade_id=parsing.ident(row, "tradeId"),
            venue_order_id=parsing.ident(row, "ordId"),
            client_order_id=str(row.get("clOrdId") or ""),
            symbol=listing.info.symbol,
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "fillSz") * listing.contract_size,
            price=parsing.positive(row, "fillPx"),
            fee_usdt=-parsing.number(row, "fee") * fees[str(row.get("feeCcy") or "USDT")],
            is_maker=row.get("execType") == "M",
            filled_at=parsing.moment(row, "ts"),
        )

    async def cause(self, listing: Listing, venue_order_id: str) -> str:
        """By the order's category; its fills do not carry it."""
        asked = {"instId": listing.info.venue_symbol, "ordId": venue_order_id}
        order = parsing.only(await self._data("privateGetTradeOrder", asked, weight=0.2))
        return FORCED.get(str(order.get("category")), "")

    async def positions(self) -> list[VenuePosition]:
        rows = await self._data("privateGetAccountPositions", SWAP)
        held = [row for row in rows if parsing.optional_number(row, "pos") not in (None, Decimal(0))]
        return [self._position(row) for row in held]

    def _position(self, row: parsing.Row) -> VenuePosition:
        if row.get("posSide") not in (None, "net"):
            raise VenueError(self._wire.venue, "hedge_mode", "the account holds positions in long/short mode")
        listing = self._listings.named(row.get("instId"))
        return VenuePosition(
            symbol=listing.info.symbol,
            quantity=parsing.number(row, "pos") * listing.contract_size,
            entry_price=parsing.optional_price(row, "avgPx"),
            mark_price=parsing.optional_price(row, "markPx"),
            liquidation_price=parsing.optional_price(row, "liqPx"),
            unrealized_pnl_usdt=parsing.optional_number(row, "upl"),
        )

    async def account(self) -> VenueAccount:
        """``cashBal`` leaves unrealized profit out, ``eq`` holds it (OKX account/balance)."""
        found = parsing.only(await self._data("privateGetAccountBalance", {}))
        usdt = parsing.only([row for row in parsing.rows(found.get("details")) if row.get("ccy") == "USDT"])
        free = parsing.optional_number(usdt, "availEq")
        return VenueAccount(
            wallet_usdt=parsing.number(usdt, "cashBal"),
            equity_usdt=parsing.number(usdt, "eq"),
            available_usdt=parsing.number(usdt, "availBal") if free is None else free,
            maintenance_margin_usdt=parsing.optional_number(usdt, "mmr"),
            read_at=now(),
        )

    async def ledger(self, since: datetime) -> list[VenueLedgerRow]:
        recent = since > now() - BILLS_RECENT
        method = "privateGetAccountBills" if recent else "privateGetAccountBillsArchive"
        rows = await self._pages(method, {"begin": str(parsing.epoch_ms(since))}, "billId", weight=2)
        entries = [entry for row in rows for entry in self._bill(row)]
        return [entry for entry in entries if entry.at >= since]

    def _bill(self, row: parsing.Row) -> list[VenueLedgerRow]:
        """One bill of a trade moves the wallet by pnl and by fee: two rows of ours."""
        kind = parsing.text(row, "type")
        if kind in TRADE_LIKE:
            parts = [("realized_pnl", parsing.number(row, "pnl")), ("fee", parsing.number(row, "fee"))]
            return [self._entry(row, name, amount) for name, amount in parts if amount != 0]
        name = {BILL_FUNDING: "funding", BILL_TRANSFER: "transfer"}.get(kind, "other")
        return [self._entry(row, name, parsing.number(row, "balChg"))]

    def _entry(self, row: parsing.Row, kind: str, amount: Decimal) -> VenueLedgerRow:
        listing = self._listings.of_row(row.get("instId"))
        return VenueLedgerRow(
            reference=f"{parsing.ident(row, 'billId')}:{kind}",
            kind=kind,
            symbol=listing.info.symbol if listing else str(row.get("instId") or ""),
            amount=amount,
            currency=parsing.text(row, "ccy"),
            at=parsing.moment(row, "ts"),
        )

    async def fee(self, listing: Listing) -> FeeInfo:
        """Negative rates are charges. The U fields are those of USDT-margined contracts."""
        asked = SWAP | {"instFamily": listing.info.venue_symbol.removesuffix("-SWAP")}
        row = parsing.only(await self._data("privateGetAccountTradeFee", asked, weight=2))
        taker = parsing.number(row, "takerU" if row.get("takerU") else "taker")
        maker = parsing.number(row, "makerU" if row.get("makerU") else "maker")
        return FeeInfo(symbol=listing.info.symbol, taker_bps=-taker * BPS, maker_bps=-maker * BPS)

    async def max_leverages(self) -> dict[str, Decimal]:
        """The instrument rows hold them already."""
        return {}

    async def findings(self) -> list[Finding]:
        config = parsing.only(await self._data("privateGetAccountConfig", {}, weight=2))
        mode, level = parsing.text(config, "posMode"), parsing.text(config, "acctLv")
        rights = set(parsing.text(config, "perm").split(","))
        return [
            Finding("position_mode", mode, "" if mode == "net_mode" else f"position mode is {mode}: set net_mode"),
            Finding("margin_mode", "cross"),  # tdMode travels with every order
            Finding("account_level", level, _level_problem(level)),
            Finding("may_withdraw", "withdraw" in rights, _withdraw_problem(rights)),
            Finding("may_trade", "trade" in rights, "" if "trade" in rights else "the key may not trade"),
            Finding("ip_restricted", bool(config.get("ip"))),
        ]

    async def arm(self, listings: Sequence[Listing], seconds: float) -> Outcome:
        """One timer for the account; 0 disarms. Armed is proved by a triggerTime above 0 (S8)."""
        answer = await self._wire.mutate("privatePostTradeCancelAllAfter", {"timeOut": str(int(seconds))})
        document = parsing.read_json(answer.body)
        return errors.classify_setting(answer, accepted=_timer_proved(document, armed=seconds > 0))


def _level_problem(level: str) -> str:
    return (
        "" if level in {"2", "3", "4"} else f"account level {level} cannot hold swaps: choose a futures mode on the web"
    )


def _withdraw_problem(rights: set[str]) -> str:
    return "the key may withdraw: make one without that right" if "withdraw" in rights else ""


def _timer_proved(document: object, *, armed: bool) -> bool:
    try:
        found = parsing.only(data_of(document))
    except parsing.FieldError:
        return False
    trigger = str(found.get("triggerTime") or "0")
    return trigger.isascii() and trigger.isdigit() and (int(trigger) > 0 if armed else True)
