"""Accounts that must not be traded on (B21, B22, B23), clocks that are off (B11), and rows that changed their types (B26)."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.venues.orders import order
from tests.venues.simulator import Simulator
from tests.venues.test_frames import BINANCE, OKX
from trading.venues.base import OutcomeKind, VenueOrderStatus
from trading.venues.binance import BinanceDialect
from trading.venues.ccxt_client import CcxtClient
from trading.venues.dialect import Dialect, Finding, Listings
from trading.venues.okx import OkxDialect
from trading.venues.parsing import FieldError
from trading.venues.wire import Wire

BINANCE_ACCOUNT: dict[str, Any] = {
    "fapiPrivateGetPositionSideDual": {"dualSidePosition": False},
    "fapiPrivateGetSymbolConfig": [{"symbol": "BTCUSDT", "marginType": "CROSSED"}],
    "sapiGetAccountApiRestrictions": {"enableWithdrawals": False, "enableFutures": True, "ipRestrict": True},
}
OKX_ACCOUNT: dict[str, Any] = {
    "privateGetAccountConfig": {
        "code": "0",
        "data": [{"posMode": "net_mode", "acctLv": "2", "perm": "read_only,trade", "ip": "192.0.2.1"}],
    }
}
BINANCE_ORDER = {
    "orderId": 7,
    "symbol": "BTCUSDT",
    "clientOrderId": "PBx",
    "status": "FILLED",
    "type": "LIMIT",
    "side": "BUY",
    "price": "88000.1",
    "avgPrice": "88000.0",
    "origQty": "0.005",
    "executedQty": "0.005",
    "reduceOnly": False,
    "updateTime": 1767225600000,
}
OKX_ORDER = {
    "ordId": "7",
    "instId": "BTC-USDT-SWAP",
    "clOrdId": "PBx",
    "state": "filled",
    "side": "buy",
    "px": "88000.1",
    "avgPx": "88000",
    "sz": "0.5",
    "accFillSz": "0.5",
    "reduceOnly": "false",
    "uTime": "1767225600000",
}


class CannedWire:
    """Answers each call from a table."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.venue = "canned"
        self._table = table

    async def call(self, method: str, *arguments: Any, weight: float = 1.0) -> Any:
        return self._table[method]


def dialect(kind: type[Any], table: dict[str, Any], listings: Listings) -> Dialect:
    return cast(Dialect, kind(cast(Wire, CannedWire(table)), listings))


async def problems(kind: type[Any], table: dict[str, Any]) -> list[Finding]:
    found = await dialect(kind, table, BINANCE).findings()
    return [finding for finding in found if finding.problem]


def with_change(account: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    changed = copy.deepcopy(account)
    change(changed)
    return changed


async def test_a_proper_account_has_no_problem() -> None:
    assert await problems(BinanceDialect, BINANCE_ACCOUNT) == []
    assert await problems(OkxDialect, OKX_ACCOUNT) == []


@pytest.mark.parametrize(
    ("method", "answer", "fact"),
    [
        ("fapiPrivateGetPositionSideDual", {"dualSidePosition": True}, "position_mode"),
        ("fapiPrivateGetSymbolConfig", [{"symbol": "ETHUSDT", "marginType": "ISOLATED"}], "margin_mode"),
        ("sapiGetAccountApiRestrictions", {"enableWithdrawals": True, "enableFutures": True}, "may_withdraw"),
        ("sapiGetAccountApiRestrictions", {"enableWithdrawals": False, "enableFutures": False}, "may_trade"),
    ],
)
async def test_a_binance_account_that_must_not_trade_is_named(method: str, answer: Any, fact: str) -> None:
    (found,) = await problems(BinanceDialect, BINANCE_ACCOUNT | {method: answer})
    assert found.fact == fact


@pytest.mark.parametrize(
    ("field", "value", "fact"),
    [
        ("posMode", "long_short_mode", "position_mode"),
        ("acctLv", "1", "account_level"),
        ("perm", "read_only,trade,withdraw", "may_withdraw"),
        ("perm", "read_only", "may_trade"),
    ],
)
async def test_an_okx_account_that_must_not_trade_is_named(field: str, value: str, fact: str) -> None:
    def change(account: dict[str, Any]) -> None:
        account["privateGetAccountConfig"]["data"][0][field] = value

    (found,) = await problems(OkxDialect, with_change(OKX_ACCOUNT, change))
    assert found.fact == fact


async def test_hedge_mode_at_the_venue_itself_fails_the_preflight(client: CcxtClient) -> None:
    await client.fetch_instruments()
    assert client._wire is not None
    await client._wire.exchange.set_position_mode(True)
    try:
        found = await client.preflight()
    finally:
        await client._wire.exchange.set_position_mode(False)
    assert not found.ok
    assert (await client.preflight()).ok


@pytest.mark.parametrize("skew_ms", [2000, -40_000])
async def test_a_clock_that_is_off_is_measured_and_the_order_is_sent_once(
    client: CcxtClient, simulator: Simulator, skew_ms: int
) -> None:
    """A venue ahead finds the order expired or the request too old; one far behind finds it in the future."""
    await client.fetch_instruments()
    simulator.fault(client.venue, "clock_skew", times=1000, ms=skew_ms)
    sample = await client.measure_clock()
    assert abs(sample.skew_ms - skew_ms) < 500
    request = order()
    outcome = await client.submit(request)
    assert len(simulator.arrived(request.client_order_id)) == 1
    if outcome.kind == OutcomeKind.REJECTED:
        assert outcome.code in {"-1021", "50102", "50036", "50037"}


def test_a_recorded_order_reads_the_same_on_both_venues() -> None:
    binance = dialect(BinanceDialect, {}, BINANCE).order(BINANCE_ORDER, BINANCE.of("BTCUSDT"))
    okx = dialect(OkxDialect, {}, OKX).order(OKX_ORDER, OKX.of("BTCUSDT"))
    assert binance == okx
    assert (okx.quantity, okx.status) == (Decimal("0.005"), VenueOrderStatus.FILLED)
    assert okx.updated_at == datetime(2026, 1, 1, tzinfo=UTC)


MONEY = {
    "binance": ["origQty", "executedQty", "price", "avgPrice"],
    "okx": ["sz", "accFillSz", "px", "avgPx"],
}
OTHER_TYPES: list[Any] = [0.005, True, [], {}, "NaN", "-1e400", "0,005", {"v": "1"}]


@pytest.mark.parametrize("other", OTHER_TYPES, ids=repr)
def test_an_order_whose_field_changed_its_type_is_unreadable(other: Any) -> None:
    for name in MONEY["binance"]:
        with pytest.raises(FieldError):
            dialect(BinanceDialect, {}, BINANCE).order(BINANCE_ORDER | {name: other}, BINANCE.of("BTCUSDT"))
    for name in MONEY["okx"]:
        with pytest.raises(FieldError):
            dialect(OkxDialect, {}, OKX).order(OKX_ORDER | {name: other}, OKX.of("BTCUSDT"))


@pytest.mark.parametrize("name", ["origQty", "executedQty", "status", "side", "orderId", "clientOrderId", "reduceOnly"])
def test_a_binance_order_without_a_field_that_matters_is_unreadable(name: str) -> None:
    for row in (BINANCE_ORDER | {name: None}, {key: value for key, value in BINANCE_ORDER.items() if key != name}):
        with pytest.raises(FieldError):
            dialect(BinanceDialect, {}, BINANCE).order(row, BINANCE.of("BTCUSDT"))


@pytest.mark.parametrize(
    ("contract_size", "contracts", "base"),
    [
        ("0.01", "7", "0.07"),
        ("0.1", "0.01", "0.001"),
        ("1", "3", "3"),
        ("1000", "0.5", "500"),
        ("10000000", "1", "10000000"),
    ],
)
def test_contracts_become_base_units_for_every_multiplier(contract_size: str, contracts: str, base: str) -> None:
    """RELIABILITY B20."""
    market = {
        "base": "BTC",
        "quote": "USDT",
        "info": {
            "instId": "BTC-USDT-SWAP",
            "ctVal": contract_size,
            "ctMult": "1",
            "ctValCcy": "BTC",
            "lotSz": contracts,
            "minSz": contracts,
            "tickSz": "0.1",
            "lever": "100",
            "state": "live",
            "maxMktSz": "100",
        },
    }
    info = dialect(OkxDialect, {}, OKX).instrument(market)
    assert info.lot_size == info.min_quantity == Decimal(base)


def test_a_contract_that_counts_in_another_currency_is_not_listed() -> None:
    market = {"base": "BTC", "quote": "USDT", "info": {"instId": "BTC-USD-SWAP", "ctVal": "100", "ctValCcy": "USD"}}
    with pytest.raises(FieldError):
        dialect(OkxDialect, {}, OKX).instrument(market)
