"""A dead port, a server that never answers, one that answers nonsense: a clear outcome, never a crash (issue 3)."""

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.venues.bad_server import BOMB, HTML, BadServer
from tests.venues.orders import order
from trading.venues import wire
from trading.venues.base import OutcomeKind, VenueError
from trading.venues.ccxt_client import CcxtClient
from trading.venues.limiter import TokenBucket
from trading.venues.quirks import quirks_of
from trading.venues.registry import VENUES, base_config

MARKETS: dict[str, dict[str, Any]] = {
    "binance-um": {
        "timezone": "UTC",
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "status": "TRADING",
                "contractType": "PERPETUAL",
                "baseAsset": "BTC",
                "quoteAsset": "USDT",
                "marginAsset": "USDT",
                "orderTypes": ["LIMIT", "MARKET"],
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "1", "maxPrice": "1000000"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                    {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
                    {"filterType": "MIN_NOTIONAL", "notional": "100"},
                ],
            }
        ],
    },
    "okx-perp": {
        "code": "0",
        "msg": "",
        "data": [
            {
                "instId": "BTC-USDT-SWAP",
                "instType": "SWAP",
                "uly": "BTC-USDT",
                "instFamily": "BTC-USDT",
                "settleCcy": "USDT",
                "ctVal": "0.01",
                "ctMult": "1",
                "ctValCcy": "BTC",
                "ctType": "linear",
                "lotSz": "0.01",
                "minSz": "0.01",
                "tickSz": "0.1",
                "lever": "100",
                "state": "live",
                "maxMktSz": "12000",
            }
        ],
    },
}
NONSENSE = {
    "html": HTML,
    "empty": b"",
    "braces": b"{}",
    "a list": b"[]",
    "null": b"null",
    "truncated": b'{"orderId": 7, "clientOrd',
    "ten megabytes": b'{"a":"' + b"x" * 10_000_000 + b'"}',
    "not utf-8": b"\xff\xfe\x00",
    "deep": b"[" * 50_000,
    "nan": b'{"orderId": NaN}',
    "a long integer": b'{"code": ' + b"9" * 5000 + b"}",
    "a float code": b'{"code": -2019.0, "msg": "x"}',
    "an id without our name": b'{"orderId": 7, "clientOrderId": "other", "status": "NEW"}',
    "an okx success without items": b'{"code": "0", "data": [], "msg": ""}',
}


def urls(port: int) -> dict[str, Any]:
    base = f"http://127.0.0.1:{port}"
    names = ("fapiPublic", "fapiPublicV2", "fapiPublicV3", "fapiPrivate", "fapiPrivateV2", "fapiPrivateV3", "sapi")
    return {"api": {**dict.fromkeys(names, f"{base}/fapi/v1"), "rest": base, "ws": base}}


async def client_at(venue: str, port: int) -> CcxtClient:
    """A client of this address that knows its markets already."""
    spec = VENUES[venue]
    keys = {"apiKey": "canary-key", "secret": "canary-secret", "password": "canary-pass"}

    async def connect(weights: TokenBucket) -> wire.Wire:
        config = {**base_config(spec), **keys, "urls": urls(port)}
        found = wire.Wire(venue, spec.ccxt_id, config, weights=weights, loopback_only=True)
        found.exchange.set_markets(found.exchange.parse_markets(rows_of(venue)))
        return found

    return CcxtClient(venue, quirks_of(spec.ccxt_id), connect)


def rows_of(venue: str) -> list[dict[str, Any]]:
    table = MARKETS[venue]
    return list(table["symbols"] if venue == "binance-um" else table["data"])


@pytest.fixture(params=["binance-um", "okx-perp"])
async def client(request: pytest.FixtureRequest, bad_server: BadServer) -> AsyncIterator[CcxtClient]:
    """Loaded from a proper answer; from then on the server misbehaves."""
    bad_server.says(json.dumps(MARKETS[request.param]).encode(), "200 OK", "Content-Type: application/json")
    found = await client_at(request.param, bad_server.port)
    await found.fetch_instruments()
    bad_server.requests = 0
    yield found
    await found.close()


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "502 Bad Gateway", "403 Forbidden"])
async def test_nonsense_is_unknown_and_sent_once(client: CcxtClient, bad_server: BadServer, status: str) -> None:
    for name, body in NONSENSE.items():
        bad_server.says(body, status, "Content-Type: application/json")
        bad_server.requests = 0
        assert (await client.submit(order())).kind == OutcomeKind.UNKNOWN, name
        assert bad_server.requests == 1


async def test_nonsense_is_no_account_and_no_position(client: CcxtClient, bad_server: BadServer) -> None:
    for body in NONSENSE.values():
        bad_server.says(body, "200 OK", "Content-Type: text/html")
        for read in (client.fetch_account(), client.fetch_order("BTCUSDT", "PBx"), client.fetch_quotes(["BTCUSDT"])):
            with pytest.raises(VenueError):
                await read


async def test_a_gzip_bomb_is_cut_off(client: CcxtClient, bad_server: BadServer) -> None:
    bad_server.says(BOMB, "200 OK", "Content-Encoding: gzip", "Content-Type: application/json")
    assert (await client.submit(order())).kind == OutcomeKind.UNKNOWN


async def test_a_connection_reset_in_the_middle_of_the_answer_is_unknown(
    client: CcxtClient, bad_server: BadServer
) -> None:
    bad_server.says_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    assert (await client.submit(order())).kind == OutcomeKind.UNKNOWN


async def test_what_is_no_http_is_unknown(client: CcxtClient, bad_server: BadServer) -> None:
    bad_server.says_raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert (await client.submit(order())).kind == OutcomeKind.UNKNOWN


async def test_a_server_that_never_answers_is_unknown_after_the_timeout(
    client: CcxtClient, bad_server: BadServer
) -> None:
    bad_server.answer = None
    assert client._wire is not None
    client._wire.exchange.timeout = 200
    outcome = await client.submit(order())
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "no_answer")
    assert bad_server.requests == 1
    assert (await client.cancel("BTCUSDT", "PBx")).kind == OutcomeKind.UNKNOWN
    with pytest.raises(VenueError):
        await client.fetch_positions()


async def test_a_dead_port_is_unknown_and_names_no_address(client: CcxtClient, bad_server: BadServer) -> None:
    await bad_server.stop()
    outcome = await client.submit(order())
    assert outcome.kind == OutcomeKind.UNKNOWN
    assert "127.0.0.1" not in outcome.text


async def test_a_venue_that_was_never_reached_received_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = await client_at("okx-perp", port)
    outcome = await client.submit(order())
    assert (outcome.kind, outcome.code) == (OutcomeKind.REJECTED, "not_sent")
    await client.close()


async def test_no_key_shows_in_any_representation(client: CcxtClient, bad_server: BadServer) -> None:
    bad_server.says(HTML, "502 Bad Gateway")
    assert client._wire is not None
    with pytest.raises(VenueError) as caught:
        await client.fetch_account()
    shown = [repr(client), repr(client._wire), repr(client._wire.exchange), str(client._wire.exchange)]
    for text in (*shown, str(caught.value), repr(caught.value.__cause__), repr(await client.submit(order()))):
        assert "canary" not in text
