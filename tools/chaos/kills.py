"""Group kills: kill -9 of a trader at a random instant under load and faults, again and again.

The trader is the real one (lease, recovery, watching threads) without Celery, forked from a process that has
everything loaded, so that a round takes seconds. Whole desks with Celery and web are killed by the group desks.
"""

import os
import signal
import time
from random import Random

from tools.chaos import episodes
from tools.chaos.results import CaseRun, Ledger
from tools.chaos.stand import Stand

GROUP, CASE = "kills", "kill -9 under load"
ROUNDS_PER_DATABASE = 10
START_SECONDS = 30.0
SETTLE_SECONDS = 90.0


class Rounds:
    """One desk that is killed ten times, then a new one."""

    def __init__(self, stand: Stand, base_seed: int, ledger: Ledger) -> None:
        self.stand, self.base_seed, self.ledger = stand, base_seed, ledger
        self.pid = self.rounds = 0
        self.told: set[str] = set()

    def _add(self, name: str, number: int) -> None:
        self.ledger.figures[name] = self.ledger.figures.get(name, 0) + number

    def run(self, seed: int) -> CaseRun:
        chance = Random(f"{self.base_seed}/kills/{seed}")  # noqa: S311 - a repeatable choice, no secret
        found: list[str] = []
        if not self.pid or self.rounds % ROUNDS_PER_DATABASE == 0:
            found += self._anew(seed)
        self.rounds += 1
        self._operators_start()
        self._spoil(chance)
        time.sleep(chance.uniform(0.3, 2.5))
        if chance.random() < 0.5:
            self._spoil(chance)
            time.sleep(chance.uniform(0.05, 0.5))
        self._kill()
        self._look()
        found += self._successor(seed + 1, chance)
        found += [one for one in self._lasting() if one not in self.told]
        self.told |= set(found)
        if found:
            self.stand.explain(f"kills-{seed}")
        return CaseRun(GROUP, CASE, seed, True, tuple(found))

    def _lasting(self) -> list[str]:
        """What the oracle says three times in a row: the successor closes hedges under HOLD while rows and venues are
        read one after the other, and what moves between two reads contradicts itself for an instant."""
        found = self.stand.violations()
        for _ in range(2):
            if not found:
                break
            time.sleep(1.0)
            again = set(self.stand.violations())
            found = [one for one in found if one in again]
        return found

    def end(self) -> None:
        if self.pid:
            self._kill()
            self._count()

    def _anew(self, seed: int) -> list[str]:
        if self.pid:
            self._kill()
            self._count()
            self.stand.venues_anew()
        self.stand.begin(epoch=0)
        self.told = set()
        return self._start(seed)

    def _start(self, seed: int) -> list[str]:
        """Start a trader and wait for its recovery; its HOLD is one that the oracle looks at."""
        from audit.models import AuditRecord

        before = AuditRecord.objects.filter(action="restart_report").count()
        self.pid = self.stand.zygote.start(self.stand.job("trade", seed=f"{self.base_seed}/{seed}"))
        until = time.monotonic() + START_SECONDS
        while AuditRecord.objects.filter(action="restart_report").count() == before:
            if time.monotonic() > until:
                return [f"the trader did not recover within {START_SECONDS:g} s"]
            time.sleep(0.05)
        return []

    def _operators_start(self) -> None:
        """What two operators do after each restart; the way there is proved elsewhere."""
        from risk import hold_file
        from risk.models import DeskState
        from tests.engine.desk import desk_running

        desk_running(epoch=DeskState.objects.get(pk=1).trader_epoch)
        hold_file.path().unlink(missing_ok=True)
        self.released = time.time()

    def _spoil(self, chance: Random) -> None:
        for _ in range(chance.choice((0, 1, 2, 3))):
            episodes._fault(self.stand, chance, chance.choice((episodes.LONG, episodes.SHORT)))
        if chance.random() < 0.3:
            self.stand.simulator.fault(chance.choice((episodes.LONG, episodes.SHORT)), "close_stream")

    def _kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.stand.zygote.wait(self.pid, 10)
        self.pid = 0

    def _look(self) -> None:
        """How much was going on when it died."""
        from trading.models import Order

        self._add("kills_unproven_at_kill", Order.objects.filter(status__in=["sending", "unknown"]).count())

    def _count(self) -> None:
        from trading.models import Hedge, Order

        self._add("kills_hedges", Hedge.objects.count())
        self._add("kills_orders", Order.objects.filter(sending_at__isnull=False).count())

    def _successor(self, seed: int, chance: Random) -> list[str]:
        """The next trader takes the lease when it has run out, recovers and settles; nothing opens meanwhile."""
        found = self._start(seed)
        self._note_hold()
        time.sleep(chance.uniform(0, 0.5))
        self.stand.simulator.calm()
        found += self._settled()
        return found

    def _note_hold(self) -> None:
        """The start's HOLD and what was on the wire then. The releases before it end the holds before it."""
        from risk.models import DeskState
        from trading.models import Order

        since = DeskState.objects.get(pk=1).hold_since
        sent = Order.objects.filter(sending_at__lte=since, trader_epoch__lt=DeskState.objects.get(pk=1).trader_epoch)
        self.stand.holds = [(since, frozenset(sent.values_list("client_order_id", flat=True)))] if since else []

    def _settled(self) -> list[str]:
        from trading.models import Hedge

        until = time.monotonic() + SETTLE_SECONDS
        while True:
            left = Hedge.objects.filter(status__in=["opening", "unresolved", "closing"])
            if not left.exists():
                return []
            if time.monotonic() > until:
                return [f"not settled after {SETTLE_SECONDS:g} s: {hedge.pk} is {hedge.status}" for hedge in left]
            time.sleep(0.1)
