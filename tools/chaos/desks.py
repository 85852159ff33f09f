"""Group desks: a whole desk under its supervisor, traded by auto-hedge, its trader killed, in real time.

Everything is as ``make run`` starts it: web, Celery, beat, stream, simulator. Two operators bring it back to trading
over the API after each kill. The judge is what the API and the venues say; the database belongs to the desk.
"""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import Any

import httpx

from tests.acceptance.desk import Desk, free_port_block, start_desk, stop_desk
from tools.chaos.ground import data_root
from tools.chaos.results import CaseRun, say

GROUP, CASE = "desks", "kill -9 of a desk's trader, real time"
BACK_SECONDS = 90.0
SETTLED_SECONDS = 150.0
RUN_SECONDS = 90.0
LOAD_SECONDS = 15.0
ENDED = ("closed", "failed")
SETTINGS = {
    "AUTO_HEDGE_SCAN_SECS": "2",
    "SCAN_INTERVAL_SEC": "2",
    "ORDER_NOTIONAL_USDT": "300",
    "AUTO_HEDGE_ENABLED": "true",
    "DRY_RUN_MODE": "false",
    "MAX_AUTO_FAILS_PER_MIN": "1000",
    "SIMULATOR_OPTIONS": "--dislocate-every 5",
}


class Rounds:
    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.base_seed = desk, seed
        self.hedges: set[str] = set()
        self.told: set[str] = set()

    def figures(self) -> dict[str, float]:
        return {"desks_hedges": len(self.hedges)}

    def run(self, seed: int) -> CaseRun:
        chance = Random(f"{self.base_seed}/desks/{seed}")  # noqa: S311 - a repeatable choice, no secret
        try:
            found = self._round(chance)
        except (AssertionError, httpx.HTTPError) as error:
            found = [f"{error.__class__.__name__}: {str(error)[:400]}"]
        fresh = [one for one in found if one not in self.told]
        self.told |= set(fresh)
        return CaseRun(GROUP, CASE, seed, self.struck, tuple(fresh))

    def _round(self, chance: Random) -> list[str]:
        self.struck = False
        self._trade()
        self._spoil(chance)
        time.sleep(chance.uniform(2, LOAD_SECONDS))
        before = self._trader()
        os.kill(before, signal.SIGKILL)
        self.struck = True
        found = self._wait("the trader is back in HOLD", lambda: self._back(before), BACK_SECONDS)
        httpx.delete(self.desk.accounts["simulator_url"] + "/control/faults", timeout=10)
        found += self._wait("every hedge settled and the books agree", self._settled, SETTLED_SECONDS)
        return found + self._sent_once()

    def _trader(self) -> int:
        from tests.acceptance.test_restart import trader_pids

        pids = trader_pids(self.desk)
        if not pids:
            raise AssertionError("there is no trader")
        return pids[0]

    def _back(self, before: int) -> bool:
        overview = self.desk.overview()
        return self._trader() != before and overview["hold_active"] is True and self.desk.healthy()

    def _trade(self) -> None:
        """Every step of SPEC 4 back to RUN, by two people, and auto-hedge on."""
        view = self.desk.overview()
        if view["hold_active"]:
            self.desk.clear_hold()
        if self.desk.overview()["safe_mode"]:
            self.desk.loosen({"safe_mode": False})
        if self.desk.overview()["dry_run_mode"]:
            self.desk.loosen({"dry_run_mode": False})
        self.desk.post("/api/ui/resume", "alice")
        opened = len(self.desk.simulator("/control/orders")["orders"])
        self._wait(
            "auto-hedge trades", lambda: len(self.desk.simulator("/control/orders")["orders"]) > opened, RUN_SECONDS
        )

    def _spoil(self, chance: Random) -> None:
        for _ in range(chance.choice((0, 1, 2))):
            venue = chance.choice(("binance-um", "okx-perp"))
            path = "/fapi/v1/order" if venue == "binance-um" else "/api/v5/trade/"
            kind = chance.choice(("apply_then_drop", "drop_before", "apply_then_5xx", "partial", "reject", "latency"))
            args = {"ms": 2500} if kind == "latency" else {"fraction": "0.4"} if kind == "partial" else {}
            body = {"venue": venue, "kind": kind, "match": {"method": "POST", "path": path}, "args": args, "times": 2}
            self.desk.simulator_post("/control/faults", body)
        if chance.random() < 0.3:
            self.desk.simulator_post("/control/faults", {"venue": "okx-perp", "kind": "close_stream"})

    def _positions(self) -> list[Any]:
        from tests.acceptance.test_first_hedge import positions

        return positions(self.desk) + positions(self.desk, status="closed") + positions(self.desk, status="failed")

    def _settled(self) -> bool:
        rows = self._positions()
        self.hedges |= {row["id"] for row in rows}
        unsettled = [row for row in rows if row["status"] in ("opening", "unresolved", "closing")]
        return not unsettled and self._books() == self._venues()

    def _books(self) -> dict[tuple[str, str], Decimal]:
        held: dict[tuple[str, str], Decimal] = {}
        for row in self._positions():
            if row["simulated"] or row["status"] in ENDED:
                continue
            for leg in row["legs"]:
                sign = 1 if leg["side"] in ("long", "buy") else -1
                key = (leg["venue"], leg["symbol"])
                held[key] = held.get(key, Decimal(0)) + sign * Decimal(str(leg["base_size"]))
        return {key: size for key, size in held.items() if size}

    def _venues(self) -> dict[tuple[str, str], Decimal]:
        rows = self.desk.simulator("/control/positions")["positions"]
        return {(r["venue"], r["symbol"]): Decimal(str(r["quantity"])) for r in rows if Decimal(str(r["quantity"]))}

    def _sent_once(self) -> list[str]:
        """No client id twice, and equal legs, symbol by symbol."""
        orders = self.desk.simulator("/control/orders")["orders"]
        counts = Counter((o["venue"], o["client_order_id"]) for o in orders if o["accepted"] and o["client_order_id"])
        found = [f"{key} was accepted {count} times" for key, count in counts.items() if count > 1]
        net: dict[str, Decimal] = {}
        for (_, symbol), quantity in self._venues().items():
            net[symbol] = net.get(symbol, Decimal(0)) + quantity
        alarmed = self.desk.overview()["hold_active"]
        return found + [f"{symbol} is uneven by {value}" for symbol, value in net.items() if value and not alarmed]

    def _wait(self, what: str, holds: Any, seconds: float) -> list[str]:
        until, last = time.monotonic() + seconds, ""
        while time.monotonic() < until:
            try:
                if holds():
                    return []
            except (AssertionError, httpx.HTTPError) as error:
                last = str(error)[:200]
            time.sleep(0.5)
        return [f"{what}: not within {seconds:g} s {last}"]


@contextmanager
def running(seed: int) -> Iterator[Rounds]:
    """One desk with an own database and Redis, as a newcomer starts it."""
    folder = data_root()
    desk = start_desk(folder / "data", free_port_block(), **SETTINGS)
    try:
        yield Rounds(desk, seed)
    finally:
        stop_desk(desk)
        say(f"the desk's log: {folder}/data.log")
        shutil.rmtree(folder / "data", ignore_errors=True)
