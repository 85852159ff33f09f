"""Fifty workers against one cap, round after round: what they reserve together never passes it."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import OperationalError, connection, transaction

from propbot.errors import RefusedError
from risk import ports
from risk.intents import ExecutionFigures, ExposureSnapshot, OrderIntent, PnlFigures
from risk.models import Reservation
from risk.services.facts import reserved_now
from risk.services.locks import with_lock_retry
from risk.services.reservations import reservation_create, reservation_end

WANTED = Decimal(20_000)
# MAX_NOTIONAL_PER_EXCHANGE is 50,000: two of 20,000 pass, a third never.
MAY_PASS = 2
CONNECT_SECONDS = 60


@dataclass
class Rounds:
    """What the rounds came to. ``over`` rounds passed the cap, ``left`` reservations stood where none may."""

    rounds: int = 0
    passed: int = 0
    refused: int = 0
    over: int = 0
    under: int = 0
    left: int = 0
    errors: list[str] = field(default_factory=list)


def empty_book() -> ports.TradingPorts:
    """Nothing is open: only the reservations stand between the workers and the cap."""
    from propbot.clock import utc_now

    return ports.TradingPorts(
        exposure=lambda: ExposureSnapshot(taken_at=utc_now()),
        pnl=lambda now: PnlFigures(taken_at=now, unrealized_usdt=Decimal(0)),
        venues=list,
        execution=lambda now: ExecutionFigures(),
        in_flight=list,
        unproven_orders=lambda: 0,
        reconciliation_clean_rounds=lambda epoch: 2,
    )


def intent_of(number: int) -> OrderIntent:
    return OrderIntent(
        strategy="cross_exchange_arb",
        symbol=f"S{number}USDT",
        long_venue="binance-um",
        short_venue="okx-perp",
        quantity=Decimal(1),
        notional_usdt=WANTED,
        leverage=Decimal(1),
        simulated=False,
        initiator="race",
    )


def reserve(intent: OrderIntent) -> uuid.UUID:
    """As the journal does it: alone in its transaction, tried again when it waited too long for the lock."""

    def once() -> uuid.UUID:
        hedge = uuid.uuid4()
        with transaction.atomic(durable=True):
            reservation_create(hedge_id=hedge, intent=intent, limits_version=0)
        return hedge

    return with_lock_retry(once)


def connected() -> None:
    """A connection of this thread, before the race: a server whose places are all taken is waited for."""
    until = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


class Race:
    """The workers live as long as the race, each with its own connection; a barrier starts every round."""

    def __init__(self, workers: int, rounds: int) -> None:
        self.workers, self.rounds = workers, rounds
        self.start, self.end = threading.Barrier(workers + 1), threading.Barrier(workers + 1)
        self.passed: list[uuid.UUID] = []
        self.refused: list[str] = []
        self.errors: list[str] = []

    def _work(self, number: int) -> None:
        try:
            connected()
            for _ in range(self.rounds):
                self.start.wait()
                self._try(number)
                self.end.wait()
        except OperationalError:
            self.start.abort()
            self.end.abort()
            raise
        finally:
            connection.close()

    def _try(self, number: int) -> None:
        try:
            self.passed.append(reserve(intent_of(number)))
        except RefusedError as refused:
            self.refused.append(refused.code)
        except Exception as error:  # noqa: BLE001 - a worker that dies would leave the others at the barrier
            self.errors.append(f"{error.__class__.__name__}: {error}")

    def run(self) -> Rounds:
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(self.workers)]
        for thread in threads:
            thread.start()
        found = Rounds()
        for _ in range(self.rounds):
            self.start.wait()
            self.end.wait()
            self._count(found)
        for thread in threads:
            thread.join()
        return found

    def _count(self, found: Rounds) -> None:
        total = reserved_now().notional_usdt
        found.rounds += 1
        found.passed += len(self.passed)
        found.refused += self.refused.count("caps_exceeded")
        found.over += total > WANTED * MAY_PASS
        found.under += total != WANTED * len(self.passed)
        found.errors += self.errors
        for hedge in self.passed:
            reservation_end(hedge_id=hedge)
        found.left += Reservation.objects.filter(status="held").count()
        self.passed.clear()
        self.refused.clear()
        self.errors.clear()
