"""Which addresses and which keys a profile may use, and a venue as nothing but an entry of the table."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from propbot.config import values
from tests.venues.orders import order
from tests.venues.simulator import Simulator
from trading.venues import registry
from trading.venues.base import OutcomeKind, VenueError
from trading.venues.registry import VenueConfigError, VenueSpec, build_client, build_feed, venue_ids, venue_spec

CANARY = "canary-of-a-secret-key"
ALL_KEYS = {
    "BINANCE_API_KEY": f"{CANARY}-1",
    "BINANCE_API_SECRET": f"{CANARY}-2",
    "OKX_API_KEY": f"{CANARY}-3",
    "OKX_API_SECRET": f"{CANARY}-4",
    "OKX_API_PASSPHRASE": f"{CANARY}-5",
}
TESTNET_KEYS = {
    "BINANCE_UM_API_KEY_TESTNET": "testnet-1",
    "BINANCE_UM_API_SECRET_TESTNET": "testnet-2",
    "OKX_API_KEY_TESTNET": "testnet-3",
    "OKX_API_SECRET_TESTNET": "testnet-4",
    "OKX_API_PASSPHRASE_TESTNET": "testnet-5",
}


class _Sink:
    def on_quote(self, quote: Any) -> None:
        raise AssertionError("nothing streams here")

    on_mark = on_quote

    def on_funding(self, venue: str, funding: Any) -> None:
        raise AssertionError("nothing streams here")


def profile(name: str, **more: str) -> override_settings:
    return override_settings(PROPBOT=values().replace(PROFILE=name, **more))


def set_keys(monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:1", "https://fapi.binance.com", "http://127.0.0.1.evil.example:1", ""]
)
def test_the_simulator_profile_speaks_to_loopback_only(url: str) -> None:
    with profile("simulator", SIMULATOR_URL=url), pytest.raises(VenueConfigError):
        build_client("binance-um", keys=True)


def test_a_simulator_that_offers_real_addresses_is_refused() -> None:
    offered = {"urls": {"api": {"rest": "https://www.okx.com", "ws": "ws://127.0.0.1:1"}}}
    with pytest.raises(VenueConfigError):
        registry.simulator_config(offered, venue_spec("okx-perp"), keys=True)
    with pytest.raises(VenueConfigError):
        registry.simulator_config({}, venue_spec("okx-perp"), keys=True)


async def test_even_a_stray_address_of_ccxt_is_not_called_in_the_simulator_profile(simulator: Simulator) -> None:
    client = build_client("binance-um", keys=True)
    await client.fetch_instruments()
    assert client._wire is not None
    client._wire.exchange.urls["api"]["fapiPublic"] = "https://fapi.binance.com/fapi/v1"
    with pytest.raises(VenueError) as caught:
        await client.fetch_quotes(["BTCUSDT"])
    assert caught.value.code == "not_sent"
    await client.close()


async def test_a_simulator_that_is_not_there_is_a_venue_that_cannot_be_reached() -> None:
    with profile("simulator", SIMULATOR_URL="http://127.0.0.1:9"):
        client = build_client("okx-perp", keys=True)
        with pytest.raises(VenueError):
            await client.fetch_positions()
        await client.close()


async def test_a_client_without_keys_gets_none_from_the_simulator(simulator: Simulator) -> None:
    client = build_client("okx-perp", keys=False)
    assert await client.fetch_quotes(["BTCUSDT"])
    with pytest.raises(VenueError):
        await client.fetch_account()
    assert client._wire is not None
    assert not client._wire.exchange.secret
    await client.close()


@pytest.mark.parametrize("venue", ["binance-um", "okx-perp"])
def test_missing_keys_are_named_before_anything_is_sent(venue: str) -> None:
    with profile("live"), pytest.raises(VenueConfigError, match="lacks"):
        build_client(venue, keys=True)


def test_a_profile_never_takes_the_other_environments_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch, ALL_KEYS)
    with profile("testnet"), pytest.raises(VenueConfigError):
        registry.credentials(venue_spec("okx-perp"))
    set_keys(monkeypatch, TESTNET_KEYS)
    with profile("testnet"):
        assert registry.credentials(venue_spec("okx-perp"))["apiKey"] == "testnet-3"
    with profile("live"):
        assert registry.credentials(venue_spec("okx-perp"))["apiKey"] == f"{CANARY}-3"


@pytest.mark.parametrize(
    ("name", "setting", "base"),
    [
        ("live", "BINANCE_LV_BASE_URL", "https://testnet.binancefuture.com"),
        ("live", "BINANCE_LV_BASE_URL", "https://demo-fapi.binance.com"),
        ("testnet", "BINANCE_UM_BASE_TESTNET", "https://fapi.binance.com"),
    ],
)
def test_an_address_of_the_wrong_environment_is_refused(name: str, setting: str, base: str) -> None:
    with profile(name, **{setting: base}), pytest.raises(VenueConfigError, match=setting):
        registry.exchange_config(venue_spec("binance-um"), name)


async def test_the_testnet_is_reached_by_configuration_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch, TESTNET_KEYS)
    with profile("testnet"):
        wires = [await build_client(venue, keys=True)._connect(None) for venue in venue_ids()]  # type: ignore[arg-type]
    binance, okx = wires
    assert binance.exchange.urls["api"]["fapiPrivate"] == "https://testnet.binancefuture.com/fapi/v1"
    assert okx.exchange.headers["x-simulated-trading"] == "1"
    for wire in wires:
        await wire.close()


async def test_the_live_profile_uses_the_venues_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch, ALL_KEYS)
    with profile("live"):
        clients = [build_client(venue, keys=True) for venue in venue_ids()]
        binance, okx = [await client._connect(None) for client in clients]  # type: ignore[arg-type]
    assert binance.exchange.urls["api"]["fapiPrivate"] == "https://fapi.binance.com/fapi/v1"
    assert "x-simulated-trading" not in (okx.exchange.headers or {})
    for wire in (binance, okx):
        assert not wire.exchange.enableRateLimit
        assert wire.exchange.timeout == 5000
        assert CANARY not in repr(wire) + repr(wire.exchange) + str(wire.exchange)
        await wire.close()
    assert all(CANARY not in repr(client) for client in clients)


async def test_another_ccxt_exchange_is_one_entry(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator speaks OKX's protocol; here it is met through ccxt's unified methods alone."""
    spec = VenueSpec(id="another", label="Another", ccxt_id="myokx", keys={})
    monkeypatch.setitem(registry.VENUES, "another", spec)
    offered = registry.read_control(simulator.url, "okx-perp")
    monkeypatch.setattr(registry, "read_control", lambda *_: offered)
    client = build_client("another", keys=True)
    (quote,) = await client.fetch_quotes(["BTCUSDT"])
    assert 0 < quote.bid < quote.ask
    infos = {info.symbol: info for info in await client.fetch_instruments()}
    assert infos["BTCUSDT"].contract_size * 100 == 1
    assert (await client.fetch_account()).equity_usdt > 0
    outcome = await client.submit(order())
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert outcome.order is not None
    assert outcome.order.filled_quantity == outcome.order.quantity
    await client.close()
    assert "another" in repr(build_feed("another", _Sink()))


def test_only_the_wire_imports_ccxt() -> None:
    """STYLE: ccxt and its dictionaries stay in one place; so do its seconds of import time."""
    root = Path(registry.__file__).parents[1]
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "ccxt" for name in names), path
