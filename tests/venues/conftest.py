"""Venues under test: the real simulator, and servers that behave badly."""

from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import override_settings

from propbot.config import values
from tests.venues.bad_server import BadServer
from tests.venues.simulator import Simulator, running
from trading.venues.ccxt_client import CcxtClient
from trading.venues.registry import build_client


@pytest.fixture(scope="package")
def simulator_process() -> Iterator[Simulator]:
    with running(dislocate_every=0) as simulator:
        yield simulator


@pytest.fixture
def simulator(simulator_process: Simulator) -> Iterator[Simulator]:
    """The package's simulator, without faults before and after, and PropBot configured to use it."""
    simulator_process.clear_faults()
    changed = values().replace(PROFILE="simulator", SIMULATOR_URL=simulator_process.url)
    with override_settings(PROPBOT=changed):
        yield simulator_process
    simulator_process.clear_faults()


@pytest.fixture(params=["binance-um", "okx-perp"])
async def client(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[CcxtClient]:
    found = build_client(request.param, keys=True)
    yield found
    await found.close()


@pytest.fixture
async def bad_server() -> AsyncIterator[BadServer]:
    server = BadServer()
    await server.start()
    yield server
    await server.stop()
