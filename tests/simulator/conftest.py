"""Simulators and unmodified ccxt clients for the simulator's own tests."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import ccxt.async_support as ccxt_rest
import ccxt.pro as ccxt_stream
import pytest
import pytest_asyncio

from tests.simulator.server import SHARED, WITHOUT_SHARED, SimulatorHandle, running_simulator

BTC = "BTC/USDT:USDT"
IDS = {"binance-um": "binanceusdm", "okx-perp": "okx"}


@pytest.fixture(scope="session")
def shared_data() -> Any:
    """The recordings; they lie beside the checkout and are not committed."""
    if not (SHARED / "data").is_dir():
        pytest.skip(WITHOUT_SHARED)
    return SHARED / "data"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorHandle]:
    """A calm market: no scheduled dislocations."""
    with running_simulator(seed=11, dislocate_every=0) as handle:
        yield handle


@pytest_asyncio.fixture
async def clients(simulator: SimulatorHandle) -> AsyncIterator[dict[str, Any]]:
    """One REST client per venue, flat and without faults before and after."""
    opened = {
        venue: getattr(ccxt_rest, IDS[venue])({**simulator.ccxt(venue), "enableRateLimit": False}) for venue in IDS
    }
    await flatten(simulator, opened)
    yield opened
    await flatten(simulator, opened)
    for client in opened.values():
        await client.close()


async def flatten(simulator: SimulatorHandle, opened: dict[str, Any]) -> None:
    simulator.control("DELETE", "/control/faults")
    for client in opened.values():
        await client.load_markets()
        for order in await client.fetch_open_orders(BTC):
            await client.cancel_order(order["id"], BTC)
        for row in await client.fetch_positions():
            side = "sell" if row["side"] == "long" else "buy"
            await client.create_order(row["symbol"], "market", side, row["contracts"], None, {"reduceOnly": True})


def stream_client(simulator: SimulatorHandle, venue: str, **options: Any) -> Any:
    """An unmodified ccxt.pro client; `options` are deep-merged into its options."""
    config = simulator.ccxt(venue)
    config["options"] = {**config["options"], **options}
    return getattr(ccxt_stream, IDS[venue])(config)
