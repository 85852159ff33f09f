"""One simulated venue as a whole: its core, its protocol over HTTP, its streams."""

from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from trading.simulator.exchange import Exchange
from trading.simulator.faults import Fault, Request
from trading.simulator.hub import Hub
from trading.simulator.wire import Call, Reply


class HttpProtocol(Protocol):
    """What the gateway needs of a venue's REST protocol."""

    @staticmethod
    def serves(path: str) -> bool: ...

    def describe(self, call: Call) -> Request: ...

    def answer(self, call: Call) -> Reply: ...

    def server_error(self, status: int, message: str | None) -> Reply: ...

    def venue_error(self, fault: Fault) -> Reply: ...

    def rejection(self, call: Call, fault: Fault) -> Reply: ...

    def overloaded(self) -> Reply: ...


class Streams(Protocol):
    """What the gateway needs of a venue's WebSocket protocol."""

    @staticmethod
    def serves(path: str) -> bool: ...

    async def handle(self, request: web.Request) -> web.StreamResponse: ...


@dataclass
class Venue:
    key: str
    ccxt_id: str
    core: Exchange
    protocol: HttpProtocol
    hub: Hub
    streams: Streams

    def ccxt(self, base: str) -> dict[str, Any]:
        """The ready-made entry of /control/ccxt: `config` goes into the constructor of an unmodified ccxt."""
        config = binance_config(base) if self.ccxt_id == "binanceusdm" else okx_config(base)
        return {"id": self.ccxt_id, "config": config}


def socket_base(base: str) -> str:
    return "ws" + base.removeprefix("http")


def binance_config(base: str) -> dict[str, Any]:
    paths = {
        "fapiPublic": "/fapi/v1",
        "fapiPublicV2": "/fapi/v2",
        "fapiPublicV3": "/fapi/v3",
        "fapiPrivate": "/fapi/v1",
        "fapiPrivateV2": "/fapi/v2",
        "fapiPrivateV3": "/fapi/v3",
        "fapiData": "/futures/data",
        "sapi": "/sapi/v1",
        "public": "/api/v3",
        "private": "/api/v3",
    }
    urls: dict[str, Any] = {name: base + path for name, path in paths.items()}
    urls["ws"] = {"linear": socket_base(base) + "/ws"}
    return {
        "apiKey": "simkey",
        "secret": "simsecret",
        "urls": {"api": urls},
        "options": {"fetchCurrencies": False, "fetchMargins": False},
    }


def okx_config(base: str) -> dict[str, Any]:
    return {
        "apiKey": "simkey",
        "secret": "simsecret",
        "password": "simpass",
        "urls": {"api": {"rest": base, "ws": socket_base(base) + "/ws/v5"}},
        "options": {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    }
