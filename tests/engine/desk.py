"""A trader against the real simulator: what the engine's tests start, ask and break."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection

from propbot.clock import monotonic_ms, utc_now
from risk.intents import OrderIntent
from risk.models import DeskState
from trading.models import Hedge, Instrument
from trading.runtime.handle import TraderRuntime
from trading.services.grids import grid_of
from trading.services.instruments import store_fees, store_instruments
from trading.sizing import EntryPlan, entry_quantity, quote_price
from trading.venues.base import FeeInfo, InstrumentInfo

D = Decimal
ROOT = Path(__file__).resolve().parents[2]
LONG, SHORT = "binance-um", "okx-perp"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
_LISTS: dict[str, tuple[list[InstrumentInfo], list[FeeInfo]]] = {}


@dataclass
class Simulator:
    """The real simulator in a process of its own, and its control side."""

    process: subprocess.Popen[str]
    url: str
    earlier: dict[str, int] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)  # noqa: S310 - loopback
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read() or b"null")

    def fault(self, venue: str, kind: str, *, match: dict[str, Any] | None = None, times: int = 1, **args: Any) -> None:
        body = {"venue": venue, "kind": kind, "match": match or {}, "args": args, "times": times}
        self.ask("/control/faults", "POST", body)

    def calm(self) -> None:
        """No fault and no dislocation of an earlier test: lifts that overlap add up beyond OUTLIER_BPS."""
        self.ask("/control/faults", "DELETE")
        self.ask("/control/dislocate", "DELETE")

    def begin(self) -> None:
        """From here on ``orders`` tells only what arrives: one simulator serves many tests."""
        self.earlier = {}
        self.earlier = Counter(order["venue"] for order in self.orders())

    def orders(self) -> list[dict[str, Any]]:
        """What arrived since ``begin``, in the order of arrival at each venue."""
        arrived: dict[str, list[dict[str, Any]]] = {}
        for order in self.ask("/control/orders")["orders"]:
            arrived.setdefault(order["venue"], []).append(order)
        return [order for venue, rows in arrived.items() for order in rows[self.earlier.get(venue, 0) :]]

    def accepted(self) -> list[dict[str, Any]]:
        return [order for order in self.orders() if order["accepted"]]

    def position(self, venue: str, symbol: str) -> Decimal:
        rows = self.ask("/control/positions")["positions"]
        return sum((D(str(p["quantity"])) for p in rows if (p["venue"], p["symbol"]) == (venue, symbol)), D(0))

    def wallets(self) -> dict[str, Decimal]:
        return {row["venue"]: D(str(row["wallet"])) for row in self.ask("/control/balances")["balances"]}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def simulator_start(data_dir: Path, *, port: int = 0, latency_ms: float = 0, fresh: bool = True) -> Simulator:
    command = [sys.executable, "-m", "trading.simulator", "--port", str(port), "--data-dir", str(data_dir)]
    command += ["--symbols", ",".join(SYMBOLS), "--dislocate-every", "0", "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(
        [*command, *(["--fresh"] if fresh else [])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if "http://" not in line:
        raise RuntimeError(f"the simulator did not start: {line!r}")
    return Simulator(process, line.split()[-1])


def _desk_put(**columns: Any) -> None:
    """Write the desk row as the database's owner: how a desk gets there is another floor's subject."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    DeskState.objects.update_or_create(pk=1, defaults={"changed_at": utc_now(), **columns})
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")


def desk_running(*, epoch: int = 1, dry_run: bool = False) -> None:
    _desk_put(mode="RUN", hold_active=False, safe_mode=False, dry_run=dry_run, trader_epoch=epoch)


def desk_stopped(*, epoch: int) -> None:
    """As every start leaves it (law 5)."""
    _desk_put(mode="HOLD", hold_active=True, safe_mode=True, hold_reason="restart", trader_epoch=epoch)


@dataclass
class Desk:
    """One trader, its simulator, and the words in which a test speaks to both."""

    runtime: TraderRuntime
    simulator: Simulator
    started_wallets: dict[str, Decimal] = field(default_factory=dict)

    def refresh(self) -> None:
        """The venues' lists and fees, read once and stored anew for every test."""
        for venue, client in self.runtime.clients.items():
            if venue not in _LISTS:
                fees = [self.runtime.run(client.fetch_fee(symbol)) for symbol in SYMBOLS]
                _LISTS[venue] = (self.runtime.run(client.fetch_instruments()), fees)
            infos, fees = _LISTS[venue]
            store_instruments(venue, infos, {}, now=utc_now())
            store_fees(venue, fees, now=utc_now())

    def plan(
        self,
        symbol: str = "BTCUSDT",
        *,
        notional: str = "2000",
        first: str = "long",
        slippage_bps: str = "20",
        simulated: bool = False,
        post_only: bool = False,
        long: str = LONG,
        short: str = SHORT,
    ) -> EntryPlan:
        grids = {row.venue: grid_of(row) for row in Instrument.objects.filter(symbol=symbol)}
        quotes = {v: self.runtime.run(self.runtime.clients[v].fetch_quotes([symbol]))[0] for v in (long, short)}
        long_price = quote_price(quotes[long], "buy", D(slippage_bps), grids[long].tick_size)
        short_price = quote_price(quotes[short], "sell", D(slippage_bps), grids[short].tick_size)
        quantity = entry_quantity(D(notional), grids[long], grids[short], min(long_price, short_price))
        intent = OrderIntent(
            strategy="cross_exchange_arb",
            symbol=symbol,
            long_venue=long,
            short_venue=short,
            quantity=quantity,
            notional_usdt=quantity * quotes[long].ask,
            leverage=D(1),
            simulated=simulated,
            initiator="alice",
            long_limit_price=long_price,
            short_limit_price=short_price,
        )
        return EntryPlan(
            intent=intent,
            first_leg="long" if first == "long" else "short",
            long_price=long_price,
            short_price=short_price,
            quantity=quantity,
            post_only=post_only,
            quotes=quotes,
            decided_at=utc_now(),
            decided_monotonic_ms=monotonic_ms(),
            simulated=simulated,
        )

    def net(self, symbol: str = "BTCUSDT") -> Decimal:
        return self.simulator.position(LONG, symbol) + self.simulator.position(SHORT, symbol)

    def flat(self, symbol: str = "BTCUSDT") -> bool:
        return not any(self.simulator.position(venue, symbol) for venue in (LONG, SHORT))

    def wallet_change(self) -> Decimal:
        now = self.simulator.wallets()
        return sum((now[venue] - self.started_wallets[venue] for venue in now), D(0))


def wait_until(condition: Any, seconds: float = 10.0) -> bool:
    """Look again until it holds or the time is over; for work that another process does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def legs(hedge: Hedge) -> dict[str, Decimal]:
    return {leg.position_side: leg.quantity for leg in hedge.legs.all()}
