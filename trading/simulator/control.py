"""The control side: what a test or a trainer may see and do that no venue would allow."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from trading.simulator.accounts import Order
from trading.simulator.exchange import Arrival
from trading.simulator.faults import Fault, FaultBoard, FaultError
from trading.simulator.instruments import plain
from trading.simulator.market import Market
from trading.simulator.orders import RefusalError
from trading.simulator.venue import Venue
from trading.simulator.wire import decimal_or_none

KINDS = {"outside": "normal", "adl": "adl", "liquidation": "full_liquidation"}


class ControlError(ValueError):
    """A control request that makes no sense; answered 400."""


def iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")


def finite(body: dict[str, Any], name: str) -> Decimal:
    value = decimal_or_none(body.get(name))
    if value is None:
        raise ControlError(f"{name} is not a finite number")
    return value


class Control:
    def __init__(self, venues: dict[str, Venue], market: Market, faults: FaultBoard, seed: int) -> None:
        self.venues, self.market, self.faults, self.seed = venues, market, faults, seed

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/control/ccxt", self._get(self.ccxt)),
            web.get("/control/state", self._get(self.state)),
            web.get("/control/orders", self._get(self.orders)),
            web.get("/control/positions", self._get(self.positions)),
            web.get("/control/balances", self._get(self.balances)),
            web.post("/control/dislocate", self._post(self.dislocate)),
            web.delete("/control/dislocate", self._get(self.end_dislocations)),
            web.post("/control/faults", self._post(self.post_fault)),
            web.delete("/control/faults", self._get(self.clear_faults)),
            web.post("/control/trade", self._post(self.trade)),
            web.post("/control/funding", self._post(self.funding)),
            web.post("/control/transfer", self._post(self.transfer)),
        ]

    @staticmethod
    def _get(handler: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            return web.Response(body=orjson.dumps(handler(request)), content_type="application/json")

        return handle

    @staticmethod
    def _post(handler: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            try:
                body = orjson.loads(await request.read() or b"{}")
                if not isinstance(body, dict):
                    raise ControlError("the body is a JSON object")
                answer, status = handler(body), 200
            except (ControlError, FaultError, RefusalError, orjson.JSONDecodeError) as error:
                answer, status = {"detail": str(error), "error": "bad_request"}, 400
            return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")

        return handle

    def _venue(self, body: dict[str, Any]) -> Venue:
        venue = self.venues.get(str(body.get("venue")))
        if venue is None:
            raise ControlError(f"unknown venue {body.get('venue')!r}; venues are {', '.join(self.venues)}")
        return venue

    # -- reading ---------------------------------------------------------------------------------------------

    def ccxt(self, request: web.Request) -> dict[str, Any]:
        """Addresses as the caller reached them, so that the port is the one really listened on."""
        return {key: venue.ccxt(f"http://{request.host}") for key, venue in self.venues.items()}

    def state(self, _: web.Request) -> dict[str, Any]:
        at, now = self.market.clock.market(), self.market.clock.now_ms()
        clock = {
            "now": iso(now),
            "started_at": iso(self.market.clock.started_ms),
            "speed": self.market.clock.speed,
            "market_seconds": round(at, 3),
            "skew_ms": self.market.skew_ms,
        }
        return {
            "clock": clock,
            "seed": self.seed,
            "market": self.market.kind,
            "label": "SIMULATOR",
            "symbols": self.market.documents(),
            "dislocations": self.market.overlays.documents(at),
            "faults": [fault.document() for fault in self.faults.faults],
        }

    def orders(self, _: web.Request) -> dict[str, Any]:
        rows = [self._order_row(venue, arrival) for venue in self.venues.values() for arrival in venue.core.arrivals]
        return {"orders": rows}

    @staticmethod
    def _order_row(venue: Venue, arrival: Arrival) -> dict[str, Any]:
        order: Order | None = venue.core.account.orders.get(arrival.order_id)
        return {
            "venue": venue.key,
            "symbol": arrival.symbol,
            "client_order_id": arrival.client_order_id,
            "venue_order_id": str(order.id) if order else None,
            "side": arrival.side,
            "quantity": plain(Decimal(arrival.quantity)),
            "limit_price": arrival.limit_price,
            "reduce_only": arrival.reduce_only,
            "status": order.status if order else "refused",
            "filled": plain(order.filled) if order else "0",
            "average_price": plain(order.average) if order and order.filled else None,
            "received_at": iso(arrival.received_ms),
            "accepted": order is not None,
            "refusal": arrival.refusal or None,
        }

    def positions(self, _: web.Request) -> dict[str, Any]:
        return {
            "positions": [
                {
                    "venue": venue.key,
                    "symbol": one.symbol,
                    "quantity": plain(one.quantity),
                    "entry_price": plain(one.entry_price),
                }
                for venue in self.venues.values()
                for one in venue.core.account.positions.values()
                if one.quantity
            ]
        }

    def balances(self, _: web.Request) -> dict[str, Any]:
        return {
            "balances": [
                {
                    "venue": venue.key,
                    "wallet": plain(venue.core.account.wallet),
                    "equity": plain(venue.core.equity()),
                    "fees_paid": plain(venue.core.account.fees_paid),
                    "funding_paid": plain(venue.core.account.funding_paid),
                }
                for venue in self.venues.values()
            ]
        }

    # -- doing -----------------------------------------------------------------------------------------------

    def dislocate(self, body: dict[str, Any]) -> dict[str, Any]:
        venue, bps, seconds = self._venue(body), finite(body, "bps"), finite(body, "seconds")
        book = venue.core.book(str(body.get("symbol")))
        if seconds <= 0 or abs(bps) >= 5000:
            raise ControlError("seconds is above 0 and bps between -5000 and 5000")
        one = self.market.dislocate(venue.key, book.instrument.symbol, float(bps), float(seconds))
        self.market.republish(book)
        venue.core.settle()
        return one.document(self.market.clock.market())

    def end_dislocations(self, _: web.Request) -> dict[str, Any]:
        """Prices are back at once; what ran stays listed, with the shorter time."""
        ended = self.market.end_dislocations()
        for venue in self.venues.values():
            venue.core.settle()
        return {"ended": ended}

    def post_fault(self, body: dict[str, Any]) -> dict[str, Any]:
        now = self.market.clock.now_ms()
        fault = self.faults.post(body, tuple(self.venues), now)
        self._begin(fault, now)
        return fault.document()

    def _begin(self, fault: Fault, now_ms: int) -> None:
        """State faults take hold at once."""
        venue, until = self.venues[fault.venue], fault.until_ms or 2**62
        distortion = self.market.distortions[fault.venue]
        if fault.kind == "close_stream":
            venue.hub.close_all()
        elif fault.kind == "clock_skew":
            self.market.skew_ms[fault.venue] = int(Decimal(str(fault.args.get("ms", 1000))))
        elif fault.kind == "stale_book":
            distortion.frozen_until_ms = until
        elif fault.kind == "crossed_book":
            distortion.crossed_until_ms, distortion.crossed_bps = until, float(fault.args.get("bps", 5))
            for book in self.market.of_venue(fault.venue):
                self.market.republish(book)

    def clear_faults(self, _: web.Request) -> dict[str, Any]:
        cleared = len(self.faults.faults)
        self.faults.clear()
        for venue in self.venues:
            self.market.skew_ms[venue] = 0
            self.market.distortions[venue].frozen_until_ms = self.market.distortions[venue].crossed_until_ms = 0
        return {"cleared": cleared}

    def expire(self) -> None:
        """Ends a clock_skew whose seconds are over; the books end theirs by themselves."""
        now = self.market.clock.now_ms()
        for venue in self.venues:
            if self.market.skew_ms[venue] and self.faults.state(venue, "clock_skew", now) is None:
                self.market.skew_ms[venue] = 0

    def trade(self, body: dict[str, Any]) -> dict[str, Any]:
        """Something that happened to the account without the program: a trade on the website, ADL, liquidation."""
        venue, kind = self._venue(body), body.get("kind", "outside")
        if kind not in KINDS:
            raise ControlError(f"kind is one of {', '.join(KINDS)}")
        book = venue.core.book(str(body.get("symbol")))
        held = venue.core.account.held(book.instrument.symbol)
        side = body.get("side") or ("sell" if held > 0 else "buy")
        quantity = finite(body, "quantity") if "quantity" in body else abs(held)
        if side not in ("buy", "sell") or quantity <= 0 or quantity % book.instrument.lot:
            raise ControlError(f"side is buy or sell, quantity above 0 on the grid of {book.instrument.lot}")
        price = finite(body, "price") if body.get("price") is not None else None
        order = venue.core.force(book, side, quantity, KINDS[kind], price)
        venue.core.settle()
        return {
            "venue": venue.key,
            "symbol": order.symbol,
            "venue_order_id": str(order.id),
            "side": order.side,
            "kind": kind,
            "filled": plain(order.filled),
            "average_price": plain(order.average),
            "quantity": plain(order.quantity),
        }

    def funding(self, body: dict[str, Any]) -> dict[str, Any]:
        """Settles funding of one symbol now, at `rate` or at the current one."""
        venue = self._venue(body)
        book = venue.core.book(str(body.get("symbol")))
        upcoming = self.market.next_funding_ms(self.market.clock.now_ms())
        rate = finite(body, "rate") if "rate" in body else self.market.funding_rate(book, upcoming)
        amount = venue.core.pay_funding(book, rate)
        venue.core.settle()
        return {"venue": venue.key, "symbol": book.instrument.symbol, "rate": plain(rate), "amount": plain(amount)}

    def transfer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A deposit, or with a negative amount a withdrawal, of USDT."""
        venue, amount = self._venue(body), finite(body, "amount")
        venue.core.transfer(amount)
        venue.core.settle()
        return {"venue": venue.key, "amount": plain(amount), "wallet": plain(venue.core.account.wallet)}
