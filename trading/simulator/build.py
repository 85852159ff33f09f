"""Puts a simulator together from its options."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from trading.simulator.accounts import Account
from trading.simulator.binance.protocol import BinanceProtocol
from trading.simulator.binance.streams import BinanceStreams
from trading.simulator.clock import Clock
from trading.simulator.dislocation import Overlays, schedule
from trading.simulator.exchange import Exchange
from trading.simulator.faults import FaultBoard
from trading.simulator.instruments import BINANCE, OKX, Instrument, builtin
from trading.simulator.ladder import Feed
from trading.simulator.market import Market
from trading.simulator.model import ModelFeed, PricePath, derived_seed
from trading.simulator.okx.protocol import OkxProtocol
from trading.simulator.okx.streams import OkxStreams
from trading.simulator.server import Simulator
from trading.simulator.store import Store
from trading.simulator.venue import Venue
from trading.simulator.weights import WeightWindow
from trading.simulator.wire import Credentials

CREDENTIALS = Credentials("simkey", "simsecret", "simpass")
FIRST_ORDER_ID = {BINANCE: 4_000_000_000, OKX: 700_000_000_000_000_000}
DISLOCATE_EVERY_SECONDS = 60.0


@dataclass
class Options:
    """Everything that can be chosen at start; money in USDT, rates as fractions."""

    data_dir: Path
    fresh: bool = False
    seed: int = 1
    speed: float = 1.0
    replay: Path | None = None
    symbols: list[str] | None = None
    extra_symbols: int = 0
    balance: Decimal = Decimal(100_000)
    maker_rate: Decimal = Decimal("0.0002")
    taker_rate: Decimal = Decimal("0.0005")
    volatility: float = 1.0
    dislocate_every: float | None = None
    latency_ms: float = 0.0
    enforce_limits: bool = False
    okx_from: str = "okx"


@dataclass
class Listed:
    """The books to open, and what they rest on."""

    kind: str
    books: list[tuple[Instrument, Feed]]


def model_books(options: Options, symbols: list[str] | None) -> list[tuple[Instrument, Feed]]:
    books: list[tuple[Instrument, Feed]] = []
    for row, *instruments in builtin(symbols, options.extra_symbols):
        seed = derived_seed(options.seed, row.base)
        path = PricePath(seed, float(row.price), row.volatility * options.volatility)
        books += [(one, ModelFeed(one, path, seed, row)) for one in instruments]
    return books


def listed(options: Options) -> Listed:
    if options.replay is None:
        return Listed("model", model_books(options, options.symbols))
    from trading.simulator.replay.library import replay_books

    return replay_books(options)


def build(options: Options) -> Simulator:
    """A simulator ready to serve; accounts are read back from the data directory."""
    clock, chosen, faults = Clock(options.speed), listed(options), FaultBoard()
    every = options.dislocate_every
    if every is None:
        every = 0.0 if options.replay else DISLOCATE_EVERY_SECONDS
    symbols = sorted({one.symbol for one, _ in chosen.books})
    script = schedule(options.seed, every, symbols) if every > 0 else iter(())
    market = Market(clock, chosen.books, Overlays(script), chosen.kind)
    store = Store(options.data_dir / "simulator", options.fresh)
    venues = {key: make(options, market, store, faults) for key, make in ((BINANCE, binance_venue), (OKX, okx_venue))}
    return Simulator(venues, market, store, faults, options.seed, options.latency_ms)


def core_of(venue: str, options: Options, market: Market, store: Store) -> Exchange:
    account = Account(venue, options.balance, options.maker_rate, options.taker_rate)
    return Exchange(account, market, store, FIRST_ORDER_ID[venue])


def binance_venue(options: Options, market: Market, store: Store, faults: FaultBoard) -> Venue:
    core = core_of(BINANCE, options, market, store)
    protocol = BinanceProtocol(core, CREDENTIALS, WeightWindow(2400, options.enforce_limits))
    streams = BinanceStreams(core, faults, protocol.keys)
    return Venue(BINANCE, "binanceusdm", core, protocol, streams, streams)


def okx_venue(options: Options, market: Market, store: Store, faults: FaultBoard) -> Venue:
    core = core_of(OKX, options, market, store)
    streams = OkxStreams(core, faults, CREDENTIALS)
    return Venue(OKX, "okx", core, OkxProtocol(core, CREDENTIALS), streams, streams)
