"""Binance USD-M's JSON for what the core holds. Quantities are base units, amounts USDT, all as text."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from trading.simulator.accounts import TIERS, ZERO, Fill, LedgerEntry, Order, maintenance_margin
from trading.simulator.book import Book
from trading.simulator.exchange import Exchange
from trading.simulator.instruments import Instrument, plain

EIGHT = Decimal("0.00000001")
STATUS = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
}
INCOME = {
    "commission": "COMMISSION",
    "realized_pnl": "REALIZED_PNL",
    "funding": "FUNDING_FEE",
    "transfer": "TRANSFER",
    "insurance": "INSURANCE_CLEAR",
}


def eight(value: Decimal) -> str:
    return f"{value.quantize(EIGHT, ROUND_HALF_EVEN):f}"


def symbol_row(instrument: Instrument) -> dict[str, Any]:
    """One row of exchangeInfo: the recorded one where there is one."""
    if instrument.raw is not None:
        return instrument.raw
    lot = {"stepSize": plain(instrument.lot), "minQty": plain(instrument.minimum)}
    return {
        "symbol": instrument.venue_id,
        "pair": instrument.venue_id,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": instrument.tick_decimals,
        "quantityPrecision": max(0, -int(instrument.lot.normalize().as_tuple().exponent)),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(instrument, lot),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "permissionSets": [],
    }


def _filters(instrument: Instrument, lot: dict[str, str]) -> list[dict[str, Any]]:
    tick = plain(instrument.tick)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", **lot, "maxQty": plain(instrument.max_limit)},
        {"filterType": "MARKET_LOT_SIZE", **lot, "maxQty": plain(instrument.max_market)},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"},
    ]


def levels(book: Book, limit: int) -> dict[str, list[list[str]]]:
    price, size = book.instrument.price_text, book.instrument.size_text
    return {
        "bids": [[price(ticks), size(lots)] for ticks, lots in book.bids[:limit]],
        "asks": [[price(ticks), size(lots)] for ticks, lots in book.asks[:limit]],
    }


def best(book: Book) -> dict[str, Any]:
    """bookTicker of REST; empty sides are zeros."""
    bid, ask = (book.bids or [(0, 0)])[0], (book.asks or [(0, 0)])[0]
    price, size = book.instrument.price_text, book.instrument.size_text
    return {
        "symbol": book.instrument.venue_id,
        "bidPrice": price(bid[0]),
        "bidQty": size(bid[1]),
        "askPrice": price(ask[0]),
        "askQty": size(ask[1]),
        "time": book.event_ms,
        "lastUpdateId": book.update_id,
    }


def order(one: Order, instrument: Instrument, acknowledged: bool = False) -> dict[str, Any]:
    """An order; `acknowledged` shows it as it was on arrival (newOrderRespType ACK)."""
    filled, cost = (ZERO, ZERO) if acknowledged else (one.filled, one.cost)
    average = (cost / filled).quantize(instrument.tick / 1000) if filled else Decimal("0.00")
    return {
        "orderId": one.id,
        "symbol": instrument.venue_id,
        "status": "NEW" if acknowledged else STATUS[one.status],
        "clientOrderId": one.client_id,
        "price": plain(one.price or ZERO),
        "avgPrice": f"{average:f}",
        "origQty": plain(one.quantity),
        "executedQty": plain(filled),
        "cumQty": plain(filled),
        "cumQuote": plain(cost),
        "timeInForce": one.time_in_force if one.kind == "limit" else "GTC",
        "type": one.venue_type,
        "reduceOnly": one.reduce_only,
        "closePosition": False,
        "side": one.side.upper(),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": one.venue_type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "time": one.created_ms,
        "updateTime": one.updated_ms,
    }


def trade(fill: Fill, instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.venue_id,
        "id": fill.id,
        "orderId": fill.order_id,
        "side": fill.side.upper(),
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": eight(fill.realized),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": eight(fill.fee),
        "commissionAsset": "USDT",
        "time": fill.at_ms,
        "buyer": fill.side == "buy",
        "maker": fill.maker,
        "positionSide": "BOTH",
    }


def income(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "symbol": entry.symbol,
        "incomeType": INCOME[entry.kind],
        "income": eight(entry.amount),
        "asset": "USDT",
        "time": entry.at_ms,
        "info": str(entry.fill_id) if entry.fill_id else INCOME[entry.kind],
        "tranId": entry.id,
        "tradeId": str(entry.fill_id) if entry.fill_id else "",
    }


def position_risk(core: Exchange, symbol: str) -> dict[str, Any]:
    """positionRisk v3; v2's leverage and marginType are added by its handler."""
    held, position = core.account.held(symbol), core.account.position(symbol)
    mark, instrument = core.mark(symbol), core.instrument(symbol)
    notional = held * mark
    margin = eight(core.position_margin(symbol))
    return {
        "symbol": instrument.venue_id,
        "positionSide": "BOTH",
        "positionAmt": plain(held),
        "entryPrice": plain(position.entry_price.quantize(EIGHT)),
        "breakEvenPrice": plain(position.entry_price.quantize(EIGHT)),
        "markPrice": eight(mark),
        "unRealizedProfit": eight(position.unrealized(mark)),
        "liquidationPrice": eight(core.liquidation_price(symbol)),
        "isolatedMargin": "0",
        "notional": eight(notional),
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": margin,
        "maintMargin": eight(maintenance_margin(abs(notional))),
        "positionInitialMargin": margin,
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated_ms,
    }


def account_position(core: Exchange, symbol: str) -> dict[str, Any]:
    row = position_risk(core, symbol)
    kept = (
        "symbol",
        "positionSide",
        "positionAmt",
        "notional",
        "isolatedMargin",
        "isolatedWallet",
        "initialMargin",
        "maintMargin",
        "updateTime",
    )
    return {**{name: row[name] for name in kept}, "unrealizedProfit": row["unRealizedProfit"]}


def account(core: Exchange) -> dict[str, Any]:
    """account v3: the USDT asset and the open positions."""
    wallet, unrealized = core.account.wallet, core.unrealized()
    held = [one.symbol for one in core.account.positions.values() if one.quantity]
    position_margin = sum((core.position_margin(symbol) for symbol in held), ZERO)
    orders = core.order_margin()
    totals = {
        "InitialMargin": position_margin + orders,
        "MaintMargin": core.maintenance_margin(),
        "PositionInitialMargin": position_margin,
        "OpenOrderInitialMargin": orders,
        "CrossWalletBalance": wallet,
        "CrossUnPnl": unrealized,
        "WalletBalance": wallet,
        "UnrealizedProfit": unrealized,
        "MarginBalance": wallet + unrealized,
    }
    free = {
        "availableBalance": eight(core.available()),
        "maxWithdrawAmount": eight(max(ZERO, min(core.available(), wallet))),
    }
    asset = {name[0].lower() + name[1:]: eight(value) for name, value in totals.items()}
    return {
        **{f"total{name}": eight(value) for name, value in totals.items()},
        **free,
        "assets": [{"asset": "USDT", **asset, **free, "marginAvailable": True, "updateTime": core.now_ms()}],
        "positions": [account_position(core, symbol) for symbol in held],
    }


def brackets(instrument: Instrument) -> dict[str, Any]:
    rows, floor = [], ZERO
    for number, tier in enumerate(TIERS, start=1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": min(tier.max_leverage, instrument.max_leverage),
                "notionalCap": float(tier.ceiling),
                "notionalFloor": float(floor),
                "maintMarginRatio": float(tier.rate),
                "cum": float(tier.deducted),
            }
        )
        floor = tier.ceiling
    return {"symbol": instrument.venue_id, "notionalCoef": 1.0, "brackets": rows}


def max_notional(leverage: int) -> str:
    """The largest notional that this leverage may carry."""
    fitting = [tier.ceiling for tier in TIERS if tier.max_leverage >= leverage]
    return plain(fitting[-1]) if fitting else "0"
