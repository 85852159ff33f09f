"""OKX's JSON for what the core holds. Sizes are contracts, amounts USDT, everything is text."""

import zlib
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from trading.simulator.accounts import ZERO, Fill, LedgerEntry, Order, maintenance_margin
from trading.simulator.book import Book
from trading.simulator.exchange import Exchange
from trading.simulator.history import day_statistics
from trading.simulator.instruments import Instrument, plain
from trading.simulator.ladder import Level
from trading.simulator.market import FUNDING_INTERVAL_MS

EIGHT = Decimal("0.00000001")
CHECKSUM_LEVELS = 25
STATE = {
    "new": "live",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "canceled",
}


def eight(value: Decimal) -> str:
    return plain(value.quantize(EIGHT, ROUND_HALF_EVEN))


def trimmed(text: str) -> str:
    """OKX sends 43726, not 43726.0."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def contracts(instrument: Instrument, quantity: Decimal) -> str:
    return plain(instrument.to_venue(quantity))


def instrument_row(instrument: Instrument) -> dict[str, Any]:
    """One row of public/instruments: the recorded one where there is one."""
    if instrument.raw is not None:
        return instrument.raw
    family = f"{instrument.base}-USDT"
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": plain(instrument.contract_size),
        "ctValCcy": instrument.base,
        "expTime": "",
        "instFamily": family,
        "instId": instrument.venue_id,
        "instType": "SWAP",
        "lever": str(instrument.max_leverage),
        "listTime": "1573557408000",
        "lotSz": contracts(instrument, instrument.lot),
        "maxIcebergSz": "100000000",
        "maxLmtAmt": "20000000",
        "maxLmtSz": contracts(instrument, instrument.max_limit),
        "maxMktAmt": "",
        "maxMktSz": contracts(instrument, instrument.max_market),
        "minSz": contracts(instrument, instrument.minimum),
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": "USDT",
        "state": "live",
        "stk": "",
        "tickSz": plain(instrument.tick),
        "uly": family,
    }


def rows_of(book: Book, levels: list[Level]) -> list[list[str]]:
    """Price, contracts, the deprecated liquidated orders, and the number of orders."""
    price, size = book.instrument.price_text, book.instrument.size_text
    return [[trimmed(price(ticks)), trimmed(size(lots)), "0", "1" if lots else "0"] for ticks, lots in levels]


def checksum(book: Book) -> int:
    """CRC32 over the best 25 levels of both sides, interleaved, as a signed 32 bit number."""
    bids, asks = rows_of(book, book.bids[:CHECKSUM_LEVELS]), rows_of(book, book.asks[:CHECKSUM_LEVELS])
    parts: list[str] = []
    for index in range(max(len(bids), len(asks))):
        for side in (bids, asks):
            if index < len(side):
                parts += side[index][:2]
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def depth(book: Book, limit: int) -> dict[str, Any]:
    return {
        "asks": rows_of(book, book.asks[:limit]),
        "bids": rows_of(book, book.bids[:limit]),
        "ts": str(book.event_ms),
        "seqId": book.update_id,
    }


def ticker(book: Book, now_ms: int) -> dict[str, Any]:
    day = day_statistics(book, now_ms)
    price, size = book.instrument.price_text, book.instrument.size_text
    bid, ask = (book.bids or [(0, 0)])[0], (book.asks or [(0, 0)])[0]
    return {
        "instType": "SWAP",
        "instId": book.instrument.venue_id,
        "last": price(day.last),
        "lastSz": size(book.last_trade[1] or 1),
        "askPx": price(ask[0]),
        "askSz": size(ask[1]),
        "bidPx": price(bid[0]),
        "bidSz": size(bid[1]),
        "open24h": price(day.open),
        "high24h": price(day.high),
        "low24h": price(day.low),
        "volCcy24h": plain(day.volume),
        "vol24h": contracts(book.instrument, day.volume),
        "sodUtc0": price(day.open),
        "sodUtc8": price(day.open),
        "ts": str(book.event_ms),
    }


def funding_rate(core: Exchange, book: Book) -> dict[str, Any]:
    upcoming = core.market.next_funding_ms(core.now_ms())
    return {
        "instType": "SWAP",
        "instId": book.instrument.venue_id,
        "method": "current_period",
        "formulaType": "withRate",
        "fundingRate": f"{core.market.funding_rate(book, upcoming):f}",
        "nextFundingRate": "",
        "fundingTime": str(upcoming),
        "nextFundingTime": str(upcoming + FUNDING_INTERVAL_MS),
        "minFundingRate": "-0.00375",
        "maxFundingRate": "0.00375",
        "interestRate": "0.0001",
        "impactValue": "20000",
        "settState": "settled",
        "settFundingRate": f"{core.market.funding_rate(book, upcoming - FUNDING_INTERVAL_MS):f}",
        "premium": "0",
        "ts": str(core.now_ms()),
    }


def order(one: Order, instrument: Instrument, fill: Fill | None = None) -> dict[str, Any]:
    """An order as GET trade/order and the orders channel show it; `fill` is the one that caused a message."""
    return {
        "instType": "SWAP",
        "instId": instrument.venue_id,
        "ordId": str(one.id),
        "clOrdId": one.client_id,
        "tag": "",
        "px": "" if one.price is None else plain(one.price),
        "sz": contracts(instrument, one.quantity),
        "pnl": eight(one.realized),
        "ordType": one.venue_type,
        "side": one.side,
        "posSide": "net",
        "tdMode": "cross",
        "accFillSz": contracts(instrument, one.filled),
        "avgPx": eight(one.average) if one.filled else "",
        "state": STATE[one.status],
        "lever": str(one.leverage),
        "fee": eight(-one.fee),
        "feeCcy": "USDT",
        "rebate": "0",
        "rebateCcy": "USDT",
        "category": one.category,
        "reduceOnly": "true" if one.reduce_only else "false",
        "cancelSource": one.cancel_source,
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
        "tgtCcy": "",
        "ccy": "",
        "source": "",
        "stpMode": "cancel_maker",
        **_last_fill(one, instrument, fill),
    }


def _last_fill(one: Order, instrument: Instrument, fill: Fill | None) -> dict[str, str]:
    if fill is None:
        at = str(one.updated_ms) if one.filled else ""
        return {
            "fillPx": "",
            "fillSz": "0",
            "tradeId": "",
            "fillTime": at,
            "execType": "",
            "fillFee": "0",
            "fillPnl": "0",
        }
    return {
        "fillPx": plain(fill.price),
        "fillSz": contracts(instrument, fill.quantity),
        "tradeId": str(fill.id),
        "fillTime": str(fill.at_ms),
        "execType": "M" if fill.maker else "T",
        "fillFee": eight(-fill.fee),
        "fillFeeCcy": "USDT",
        "fillPnl": eight(fill.realized),
    }


def fill_row(fill: Fill, instrument: Instrument) -> dict[str, Any]:
    return {
        "instType": "SWAP",
        "instId": instrument.venue_id,
        "tradeId": str(fill.id),
        "ordId": str(fill.order_id),
        "clOrdId": fill.client_id,
        "billId": str(fill.id),
        "tag": "",
        "fillPx": plain(fill.price),
        "fillSz": contracts(instrument, fill.quantity),
        "side": fill.side,
        "posSide": "net",
        "execType": "M" if fill.maker else "T",
        "feeCcy": "USDT",
        "fee": eight(-fill.fee),
        "fillPnl": eight(fill.realized),
        "ts": str(fill.at_ms),
        "fillTime": str(fill.at_ms),
        "subType": "1" if fill.side == "buy" else "2",
    }


def balance(core: Exchange) -> dict[str, Any]:
    """account/balance: one currency, USDT."""
    wallet, unrealized, initial = core.account.wallet, core.unrealized(), core.initial_margin()
    equity, maintenance = core.equity(), core.maintenance_margin()
    ratio = eight(equity / maintenance) if maintenance else ""
    now, available = str(core.now_ms()), eight(core.available())
    margins = {"imr": eight(initial), "mmr": eight(maintenance), "mgnRatio": ratio}
    detail = {
        "ccy": "USDT",
        "eq": eight(equity),
        "cashBal": eight(wallet),
        "availEq": available,
        "availBal": available,
        "frozenBal": eight(initial),
        "ordFrozen": eight(core.order_margin()),
        "upl": eight(unrealized),
        "eqUsd": eight(equity),
        "disEq": eight(equity),
        "isoEq": "0",
        "liab": "0",
        "crossLiab": "0",
        "interest": "0",
        "uTime": now,
        "notionalLever": "0",
        **margins,
    }
    total = {
        "totalEq": eight(equity),
        "adjEq": eight(equity),
        "isoEq": "0",
        "ordFroz": eight(core.order_margin()),
        "notionalUsd": eight(notional(core)),
    }
    return {**total, **margins, "upl": eight(unrealized), "uTime": now, "details": [detail]}


def notional(core: Exchange) -> Decimal:
    return sum((abs(one.quantity) * core.mark(one.symbol) for one in core.account.positions.values()), ZERO)


def position(core: Exchange, symbol: str) -> dict[str, Any]:
    one, instrument, mark = core.account.position(symbol), core.instrument(symbol), core.mark(symbol)
    margin, size = core.position_margin(symbol), abs(one.quantity) * mark
    unrealized, maintenance = one.unrealized(mark), core.maintenance_margin()
    return {
        "instType": "SWAP",
        "instId": instrument.venue_id,
        "mgnMode": "cross",
        "posId": str(1000 + len(symbol)) + instrument.base,
        "posSide": "net",
        "pos": contracts(instrument, one.quantity),
        "availPos": "",
        "avgPx": eight(one.entry_price) if one.quantity else "",
        "markPx": plain(mark),
        "upl": eight(unrealized),
        "uplRatio": eight(unrealized / margin) if margin else "0",
        "lever": str(core.account.leverage_of(symbol)),
        "liqPx": plain(core.liquidation_price(symbol).quantize(EIGHT)),
        "imr": eight(margin),
        "mmr": eight(maintenance_margin(size)),
        "margin": "",
        "mgnRatio": eight(core.equity() / maintenance) if maintenance else "",
        "notionalUsd": eight(size),
        "ccy": "USDT",
        "posCcy": "",
        "adl": "1",
        "last": plain(mark),
        "idxPx": plain(mark),
        "realizedPnl": eight(one.realized),
        "interest": "0",
        "tradeId": "",
        "cTime": str(one.updated_ms),
        "uTime": str(one.updated_ms),
    }


def bill(core: Exchange, entries: list[LedgerEntry]) -> dict[str, Any]:
    """One bill of the entries of one event: a trade's PnL and fee are one bill on OKX."""
    last = entries[-1]
    amounts = {entry.kind: entry.amount for entry in entries}
    instrument = core.instrument(last.symbol) if last.symbol else None
    kind, sub_type = bill_type(last, amounts, core)
    return {
        "billId": str(last.id),
        "ts": str(last.at_ms),
        "ccy": "USDT",
        "type": kind,
        "subType": sub_type,
        "bal": eight(last.balance),
        "balChg": eight(sum(amounts.values(), ZERO)),
        "pnl": eight(amounts.get("realized_pnl", ZERO) + amounts.get("funding", ZERO)),
        "fee": eight(amounts.get("commission", ZERO)),
        "sz": contracts(instrument, last.quantity) if instrument else eight(abs(last.amount)),
        "px": plain(last.price),
        "instType": "SWAP" if instrument else "",
        "instId": instrument.venue_id if instrument else "",
        "ordId": str(last.order_id or ""),
        "tradeId": str(last.fill_id or ""),
        "mgnMode": "cross" if instrument else "",
        "posBal": "0",
        "posBalChg": "0",
        "interest": "0",
        "from": "6" if kind == "1" else "",
        "to": "18" if kind == "1" else "",
        "notes": "",
        "tag": "",
        "execType": "T" if kind == "2" else "",
        "clOrdId": "",
    }


def bill_type(last: LedgerEntry, amounts: dict[str, Decimal], core: Exchange) -> tuple[str, str]:
    if last.kind == "funding":
        return "8", "174" if last.amount >= 0 else "173"
    if last.kind in ("transfer", "insurance"):
        return "1", "11" if last.amount >= 0 else "12"
    order = core.account.orders.get(last.order_id)
    buying = order is not None and order.side == "buy"
    category = order.category if order else "normal"
    if category == "full_liquidation":
        return "5", "106" if buying else "107"
    if category == "adl":
        return "9", "127" if buying else "128"
    return "2", "1" if buying else "2"


def bills(core: Exchange, kind: str | None) -> list[dict[str, Any]]:
    """All bills, newest first."""
    groups: list[list[LedgerEntry]] = []
    for entry in core.account.ledger:
        if groups and entry.fill_id and groups[-1][-1].fill_id == entry.fill_id:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    rows = [bill(core, group) for group in reversed(groups)]
    return [row for row in rows if kind in (None, "", row["type"])]
