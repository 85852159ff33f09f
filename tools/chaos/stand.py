"""One stand: a simulator, a database that each case finds empty, an engine in this process, and the oracle."""

import os
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import django

from tests.simulator.server import SimulatorHandle, start_simulator
from tools.chaos import ground
from tools.chaos.results import say
from tools.chaos.zygote import Job, Zygote

CAUGHT = re.compile(r"django\.db\.utils\.\w+Error|psycopg\.errors\.\w+")
RESTART_EVERY = 150  # the simulator lists every order since its start


@dataclass
class Stand:
    """``begin`` before each case, ``violations`` after it."""

    settings_more: ClassVar[dict[str, str]] = {}
    forks: ClassVar[bool] = True
    durable: ClassVar[bool] = True

    name: str
    folder: Path = field(default_factory=ground.data_root)
    holds: list[tuple[datetime, frozenset[str]]] = field(default_factory=list)
    before: frozenset[str] = frozenset()
    cases: int = 0

    def __post_init__(self) -> None:
        self.server: SimulatorHandle = self._serve(0)
        self.port = int(self.server.url.rsplit(":", 1)[1])
        (self.folder / "data").mkdir()
        url = ground.database_url(self.name, durable=self.durable)
        ground.settings_set(database=url, simulator_url=self.server.url, data_dir=self.folder / "data")
        os.environ.update(self.settings_more)
        django.setup()
        self.zygote = Zygote() if self.forks else None
        self._engine()

    def _serve(self, port: int) -> SimulatorHandle:
        symbols = ",".join(ground.SYMBOLS)
        return start_simulator(self.folder, port=port, symbols=symbols, dislocate_every="0", fresh=True)

    def _engine(self) -> None:
        from tests.engine.conftest import build_runtime
        from tests.engine.desk import Desk
        from tests.seed import seed_keep
        from trading.runtime.handle import install

        self.runtime = build_runtime()
        install(self.runtime)
        self.desk = Desk(self.runtime, self._simulator())
        self.desk.refresh()
        self.seed = seed_keep()  # the instruments are in it: no case reads them again

    def _simulator(self) -> Any:
        from tests.engine.desk import Simulator

        return Simulator(None, self.server.url)  # type: ignore[arg-type]

    def _ids(self) -> list[str]:
        return [_name(order) for order in self.simulator.orders()]

    @property
    def simulator(self) -> Any:
        return self.desk.simulator

    def begin(self, *, epoch: int = 1) -> None:
        """An empty database, flat accounts, a running desk, no fault."""
        from risk import hold_file
        from tests.engine.conftest import flatten_accounts
        from tests.engine.desk import desk_running
        from tests.seed import seed_restore

        self.cases += 1
        self.renew()
        self.simulator.calm()
        seed_restore(self.seed)
        # Checkpoints of the chain that has just been taken away would rightly contradict the new one.
        shutil.rmtree(self.folder / "data" / "audit", ignore_errors=True)
        hold_file.path().unlink(missing_ok=True)
        desk_running(epoch=epoch)
        self.runtime.epoch, self.runtime.recovered, self.runtime.draining = epoch, True, False
        self.runtime.leverage.clear()
        if self._positions():
            flatten_accounts(self.desk)
        self.holds, self.before = [], frozenset(self._ids())
        self.log = self.folder / f"case-{self.cases}.log"

    def renew(self) -> None:
        if self.cases % RESTART_EVERY == 0:
            self.venues_anew()

    def venues_anew(self) -> None:
        """New venues at the same address. What was on its way to the old ones and is still held back, by a delay shorter
        than the order's own two seconds, goes with them: it would arrive in a world whose books never knew of it."""
        self.server.stop()
        self.server = self._serve(self.port)

    def wait(self) -> None:
        time.sleep(0.02)

    def clock(self) -> float:
        return time.monotonic()

    def job(self, action: str, **words: Any) -> Job:
        return {"action": action, "epoch": 1, "log": str(self.log), **words}

    def _positions(self) -> dict[tuple[str, str], Decimal]:
        rows = self.simulator.ask("/control/positions")["positions"]
        held = {(row["venue"], row["symbol"]): Decimal(str(row["quantity"])) for row in rows}
        return {key: quantity for key, quantity in held.items() if quantity}

    def seen(self) -> Any:
        from tests.engine.oracle import Seen

        return Seen(
            orders=[order for order in self.simulator.orders() if _name(order) not in self.before],
            positions=self._positions(),
            holds=self.holds,
            canaries=ground.canaries(),
            logs=self._logs(),
            deadline_seconds=float(os.environ["ORPHAN_MAX_SEC"]),
            divisor=int(os.environ["RELIABILITY_TIME_DIVISOR"]),
        )

    def _logs(self) -> str:
        """The child's log without the database errors that a watching thread has caught, told and tried again: the
        machine of a chaos run is loaded, and the connections' own limits (1, 2 and 5 s) strike there."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if not (line.startswith('{"') and CAUGHT.search(line)))

    def violations(self) -> list[str]:
        """What a busy database could not record in time stands in the spool until the ops worker's next turn: here."""
        from audit.services import spool_ingest
        from tests.engine.oracle import violations

        spool_ingest()
        return violations(self.seen())

    def explain(self, name: str) -> None:
        """What the rows and the venues say, in a file beside the case, for whoever looks into a violation."""
        from audit.models import OpsAlert
        from trading.models import Hedge, Leg, Order, OrderEvent

        rows: list[object] = []
        for model in (Hedge, Leg, Order, OrderEvent, OpsAlert):
            rows += [f"== {model.__name__}", *model.objects.order_by("pk").values()]
        rows += ["== venues", *self.seen().orders, self.simulator.ask("/control/positions")]
        path = self.folder / f"{name}.txt"
        path.write_text("\n".join(map(str, rows)), encoding="utf-8")
        say(f"rows: {path}")

    def struck(self) -> bool:
        """Whether the fault that a child was given has really taken place in it."""
        return Path(f"{self.log}.struck").exists()

    def last_words(self) -> list[str]:
        """The last line of each traceback in the children's log."""
        tracebacks = self._logs().split("Traceback (most recent call last)")[1:]
        return [f"said: {one.strip().splitlines()[-1][:200]}" for one in tracebacks[:3]]

    def accepted(self) -> int:
        return len(self.seen().accepted())

    def stop_desk(self, *, epoch: int) -> None:
        """As the start of a successor leaves the desk; from here on nothing may open (I3)."""
        from propbot.clock import utc_now
        from tests.engine.desk import desk_stopped
        from trading.models import Order

        desk_stopped(epoch=epoch)
        in_flight = Order.objects.filter(status__in=["sending", "unknown"]).values_list("client_order_id", flat=True)
        self.holds.append((utc_now(), frozenset(in_flight)))

    def restart(self, *, epoch: int, seconds: float = 15) -> list[str]:
        """The successor in this process: recovery, then its sweeps until all is settled."""
        from trading.services.recovery import recover

        self.stop_desk(epoch=epoch)
        self.runtime.epoch, self.runtime.recovered = epoch, False
        recover(runtime=self.runtime)
        return self.settle(seconds)

    def settle(self, seconds: float = 15) -> list[str]:
        from trading.services.closing import closing_continue
        from trading.services.recovery import hedges_settle, resolve_sweep

        until, looked = self.clock() + seconds, False
        while True:
            left = _unsettled()
            if not left.begun and (looked or not left.partial):
                return []
            if looked and self.clock() > until:
                return [f"not settled after {seconds:g} s: {one}" for one in left.begun]
            if looked:
                self.wait()
            resolve_sweep(runtime=self.runtime)
            hedges_settle(runtime=self.runtime)
            closing_continue()
            looked = True

    def close(self) -> None:
        from django.db import connections

        if self.zygote:
            self.zygote.close()
        self.runtime.close()
        connections.close_all()
        self.server.stop()


@dataclass(frozen=True)
class Unsettled:
    """``begun``: hedges on their way, and orders whose end is not known, of a partial hedge, too. ``partial``: hedges
    that the sweeps look at once more, but for whose end nobody waits."""

    begun: list[str]
    partial: bool


def _unsettled() -> Unsettled:
    from trading.models import Hedge, Order
    from trading.services.outcomes import orders_unproven

    statuses = ["opening", "unresolved", "closing", "partial"]
    hedges = list(Hedge.objects.filter(status__in=statuses).values_list("pk", "status"))
    orders = Order.objects.filter(orders_unproven()).values_list("client_order_id", "status")
    begun = [*(one for one in hedges if one[1] != "partial"), *orders]
    return Unsettled([f"{name} is {status}" for name, status in begun], any(s == "partial" for _, s in hedges))


def _name(order: dict[str, Any]) -> str:
    return f"{order['venue']}/{order['client_order_id']}"
