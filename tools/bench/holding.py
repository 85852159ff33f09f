"""How long HOLD takes while sixteen hedges are being journaled: the trader journals, another process stops it."""

import os
import subprocess
import sys
import threading
import time
from decimal import Decimal
from uuid import uuid4

from django.db import connection

from propbot.clock import monotonic_ms, utc_now
from propbot.errors import RefusedError
from risk import hold_file
from risk.intents import OrderIntent
from risk.seeding import seed_all
from risk.services.hold import hold_engage
from risk.services.locks import with_lock_retry
from tools.bench.engine import desk_run, engine
from tools.bench.ground import ROOT, VENUES, percentile
from tools.reports import Result, at_most, measured
from trading.models import Hedge
from trading.runtime.handle import TraderRuntime
from trading.services import journal
from trading.services.orphans import hedge_conclude
from trading.sizing import EntryPlan

WRITERS = 16
HOLDS, QUICK_HOLDS = 100, 25
BETWEEN_SECONDS = 0.1
TARGET_MS = 100


def _plan(runtime: TraderRuntime) -> EntryPlan:
    quotes = {venue: runtime.run(runtime.clients[venue].fetch_quotes(["BTCUSDT"]))[0] for venue in VENUES}
    long, short = quotes[VENUES[0]], quotes[VENUES[1]]
    intent = OrderIntent(
        strategy="cross_exchange_arb", symbol="BTCUSDT", long_venue=VENUES[0], short_venue=VENUES[1],
        quantity=Decimal("0.01"), notional_usdt=Decimal("0.01") * long.ask, leverage=Decimal(1), simulated=False,
        initiator="bench",
    )  # fmt: skip
    return EntryPlan(
        intent=intent, first_leg="long", long_price=long.ask, short_price=short.bid, quantity=Decimal("0.01"),
        post_only=False, quotes=quotes, decided_at=utc_now(), decided_monotonic_ms=monotonic_ms(), simulated=False,
    )  # fmt: skip


def _journal_once(runtime: TraderRuntime, plan: EntryPlan) -> None:
    """A hedge is planned and journaled, and called off before the wire: its reservation must not stand on."""
    try:
        hedge, _, orders = with_lock_retry(
            lambda: journal.hedge_journal(hedge_id=uuid4(), plan=plan, attempt=None, runtime=runtime, legs=("long",))
        )
    except RefusedError:
        time.sleep(0.002)
        return
    journal.planned_deny(orders=orders, reason="bench")
    hedge_conclude(runtime=runtime, hedge=hedge, may_open=False)


def journal_until_told() -> None:
    """The child: sixteen threads journal until stdin closes."""
    stop = threading.Event()

    def write(runtime: TraderRuntime, plan: EntryPlan) -> None:
        try:
            while not stop.is_set():
                _journal_once(runtime, plan)
        finally:
            connection.close()

    with engine() as runtime:
        plan = _plan(runtime)
        threads = [threading.Thread(target=write, args=(runtime, plan)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        sys.stdout.write("journaling\n")
        sys.stdout.flush()
        sys.stdin.read()
        stop.set()
        for thread in threads:
            thread.join(30)


def _holds(count: int) -> list[float]:
    times = []
    for _ in range(count):
        time.sleep(BETWEEN_SECONDS)
        started = time.monotonic()
        hold_engage(reason="bench", source="bench")
        times.append((time.monotonic() - started) * 1000)
        hold_file.path().unlink(missing_ok=True)
        desk_run()
    return times


def hold_cost(*, quick: bool) -> list[Result]:
    seed_all()
    desk_run()
    command = [sys.executable, "-m", "tools.bench.inside", "journal"]
    child = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the journaling process has no pipes")
    if not any("journaling" in line for line in child.stdout):
        raise RuntimeError("the journaling process did not start")
    threading.Thread(target=child.stdout.read, daemon=True).start()
    before, started = Hedge.objects.count(), time.monotonic()
    times = _holds(QUICK_HOLDS if quick else HOLDS)
    rate = (Hedge.objects.count() - before) / (time.monotonic() - started)
    child.stdin.close()
    child.wait(60)
    label = f"HOLD with {WRITERS} hedges being journaled ({len(times)} times)"
    return [
        measured(f"{label}, median", percentile(times, 50), "ms"),
        at_most(f"{label}, p99", percentile(times, 99), "ms", TARGET_MS),
        measured("hedges journaled meanwhile, HOLD included", rate, "hedges/s"),
    ]
