"""The measure: the same two orders from an unmodified ccxt, with no journal, no risk and no record.

``python -m tools.bench.bare SIMULATOR_URL sequential|concurrent``: watches both venues, and when their touches cross
by EDGE_BPS sends both legs, thinner venue first, the second sized to the first's fill. One shot per line on stdin,
which names the symbol that may trade next; so no order follows from the tail of an earlier crossing.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

import ccxt.pro
import httpx

EDGE_BPS = 25.0
NOTIONAL_USDT = 300.0
THROUGH = 0.002
SYMBOLS = {"BTCUSDT": "0.001", "ETHUSDT": "0.01", "SOLUSDT": "0.1"}
CLASSES = {"binance-um": "binanceusdm", "okx-perp": "okx"}


@dataclass(frozen=True)
class Side:
    """One leg: where, which way, and the ticker it was decided on."""

    venue: str
    side: str
    ticker: Any


@dataclass
class Bare:
    """Two exchanges, their last tickers, and the symbol that may trade once."""

    exchanges: dict[str, Any]
    concurrent: bool
    armed: str = ""
    tickers: dict[tuple[str, str], Any] = field(default_factory=dict)

    async def watch(self, venue: str) -> None:
        names = {f"{name[:-4]}/USDT:USDT": name for name in SYMBOLS}
        while True:
            for unified, ticker in (await self.exchanges[venue].watch_bids_asks(list(names))).items():
                self.tickers[venue, names[unified]] = ticker
            if self.armed:
                await self.look(self.armed)

    async def look(self, symbol: str) -> None:
        for long in CLASSES:
            short = next(venue for venue in CLASSES if venue != long)
            buy, sell = self.tickers.get((long, symbol)), self.tickers.get((short, symbol))
            if buy and sell and (sell["bid"] / buy["ask"] - 1) * 10_000 >= EDGE_BPS:
                self.armed = ""
                await self.hedge(symbol, Side(long, "buy", buy), Side(short, "sell", sell))
                return

    async def hedge(self, symbol: str, buying: Side, selling: Side) -> None:
        lot = Decimal(SYMBOLS[symbol])
        size = (Decimal(NOTIONAL_USDT / buying.ticker["ask"]) / lot).to_integral_value(ROUND_DOWN) * lot
        if self.concurrent:
            await asyncio.gather(self.send(symbol, buying, max(size, lot)), self.send(symbol, selling, max(size, lot)))
            return
        thinner_buys = self.base(symbol, buying) <= self.base(symbol, selling)
        first, second = (buying, selling) if thinner_buys else (selling, buying)
        filled = await self.send(symbol, first, max(size, lot))
        if filled:
            await self.send(symbol, second, filled)

    def base(self, symbol: str, one: Side) -> float:
        market = self.exchanges[one.venue].market(f"{symbol[:-4]}/USDT:USDT")
        return float(one.ticker["askVolume" if one.side == "buy" else "bidVolume"]) * float(market["contractSize"])

    async def send(self, symbol: str, one: Side, size: Decimal) -> Decimal:
        """One IOC order, and its fill: Binance answers with it, OKX has to be asked."""
        exchange, unified = self.exchanges[one.venue], f"{symbol[:-4]}/USDT:USDT"
        contract = Decimal(str(exchange.market(unified)["contractSize"]))
        price = one.ticker["ask"] * (1 + THROUGH) if one.side == "buy" else one.ticker["bid"] * (1 - THROUGH)
        amount = exchange.amount_to_precision(unified, float(size / contract))
        words = {"timeInForce": "IOC"}
        order = await exchange.create_order(unified, "limit", one.side, float(amount), price, words)
        if not order.get("filled") and not self.concurrent:
            order = await exchange.fetch_order(order["id"], unified)
        return Decimal(str(order.get("filled") or 0)) * contract


async def shots(bare: Bare) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        bare.armed = line.decode().strip()


async def main(url: str, mode: str) -> None:
    async with httpx.AsyncClient() as client:
        configs = (await client.get(f"{url}/control/ccxt")).json()
    # ccxt's own limiter would hold the second order of a venue back: without it the bare script is at its best.
    exchanges = {
        venue: getattr(ccxt.pro, name)({**configs[venue]["config"], "enableRateLimit": False})
        for venue, name in CLASSES.items()
    }
    bare = Bare(exchanges, mode == "concurrent")
    try:
        for exchange in exchanges.values():
            await exchange.load_markets()
            await exchange.fetch_balance()
        watching = [asyncio.create_task(bare.watch(venue)) for venue in exchanges]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.wait([asyncio.create_task(shots(bare)), *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in watching:
            if task.done():
                task.result()
            task.cancel()
    finally:
        await asyncio.gather(*(exchange.close() for exchange in exchanges.values()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
