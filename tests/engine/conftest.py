"""One simulator for the whole folder, one trader per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from propbot.config import values
from tests.addresses import database_url
from tests.engine.desk import LONG, SHORT, SYMBOLS, Desk, Simulator, desk_running, simulator_start
from tests.engine.nursery import Nursery
from trading.quotes import board
from trading.runtime.handle import TraderRuntime, install
from trading.services import journal
from trading.services.instruments import PaperMarkets
from trading.venues.registry import build_client, build_paper


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = simulator_start(tmp_path_factory.mktemp("venues"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def nursery(django_db_setup: None, simulator: Simulator) -> Iterator[Nursery]:
    """Forks the traders that a test lets die."""
    found = Nursery(database_url=database_url(), simulator_url=simulator.url)
    yield found
    found.close()


@pytest.fixture(scope="session")
def shared() -> Iterator[dict[str, TraderRuntime]]:
    """One event loop with its clients for the folder; what a test leaves on it is put back by ``desk``."""
    made: dict[str, TraderRuntime] = {}
    yield made
    for runtime in made.values():
        runtime.close()


@pytest.fixture
def desk(
    transactional_db: None, simulator: Simulator, tmp_path: Path, shared: dict[str, TraderRuntime]
) -> Iterator[Desk]:
    """A running desk with flat accounts; faults and positions of an earlier test are gone."""
    chosen = values().replace(
        PROFILE="simulator",
        SIMULATOR_URL=simulator.url,
        DRY_RUN_ONLY=False,
        ORPHAN_MAX_SEC=3,
        RELIABILITY_TIME_DIVISOR=50,
    )
    with override_settings(PROPBOT=chosen, DATA_DIR=tmp_path):
        simulator.calm()
        journal.installation_tag.cache_clear()
        runtime = shared.get("runtime") or shared.setdefault("runtime", build_runtime())
        install(runtime)
        desk_running(epoch=1)
        runtime.epoch, runtime.recovered, runtime.draining = 1, True, False
        runtime.leverage.clear()
        runtime.problems = {}
        one = Desk(runtime, simulator)
        one.refresh()
        flatten_accounts(one)
        simulator.begin()
        one.started_wallets = simulator.wallets()
        yield one
        simulator.calm()
        install(None)


def build_runtime() -> TraderRuntime:
    return TraderRuntime(
        clients={venue: build_client(venue, keys=True) for venue in (LONG, SHORT)},
        paper={venue: build_paper(venue, PaperMarkets(venue, board())) for venue in (LONG, SHORT)},
    )


def flatten_accounts(desk: Desk) -> None:
    """Trade every position of an earlier test away on the accounts' own side."""
    for venue in (LONG, SHORT):
        for symbol in SYMBOLS:
            held = desk.simulator.position(venue, symbol)
            if held:
                side = "sell" if held > 0 else "buy"
                body = {"venue": venue, "symbol": symbol, "side": side, "quantity": str(abs(held)), "kind": "outside"}
                desk.simulator.ask("/control/trade", "POST", body)
