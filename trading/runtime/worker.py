"""The trader's life: take the lease, stop the desk, recover, keep watch, and leave in order (laws 5 and 7)."""

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from audit.services import alert
from propbot import build
from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RecordingFailedError, RefusedError
from propbot.outages import database_away
from risk.selectors import accounts_in_use
from risk.services.autopilot import autopilot_evaluate
from risk.services.desk import desk_start, desk_stop_clean
from risk.services.lease import LEASE_SECONDS, RENEW_SECONDS, lease_acquire, lease_release, lease_renew
from trading.quotes import board
from trading.runtime.account_streams import AccountStreams
from trading.runtime.duties import PREFLIGHTS, THREADS, Duty
from trading.runtime.handle import TraderRuntime, install
from trading.runtime.knocks import knock_answer
from trading.runtime.mixture import mixture_check
from trading.services.dead_man import DeadMan
from trading.services.edge_take import decision_prepare
from trading.services.health import observed, watchdog
from trading.services.instruments import PaperMarkets, instruments_refresh
from trading.services.orphan_facts import deadline_seconds
from trading.services.recovery import recover
from trading.venues.base import VenueError
from trading.venues.registry import build_account_feed, build_client, build_paper, venue_ids

log = structlog.get_logger(__name__)
STEP_SECONDS = 1.0
# Twice within the second that a sample may be old for the journal: no entry has to make its own.
GOVERNOR_SECONDS = 0.5
CLOCKWORK_SECONDS = 0.25
# An entry asks the database some forty times, and after each answer waits for whichever thread computes: at Python's
# 5 ms that is what an entry spends its time with.
SWITCH_SECONDS = 0.0005
DRAIN_SECONDS = 5.0
# Told whether this trader leads, each time that it changes: the queue goes with the lease.
Follow = Callable[[bool], None]


def runtime_build() -> TraderRuntime:
    """Clients of every venue, with keys where real accounts stand behind the desk, and PropBot's own brokers."""
    keys = accounts_in_use()
    return TraderRuntime(
        clients={venue: observed(build_client(venue, keys=keys)) for venue in venue_ids()},
        paper={venue: build_paper(venue, PaperMarkets(venue, board())) for venue in venue_ids()},
    )


def _spare_the_collector() -> None:
    """What a trader has loaded by now (ccxt's markets above all) stays: no collection need look at it, in the middle
    of an entry, ever again."""
    gc.collect()
    gc.freeze()


class TraderWorker:
    """Owns the runtime and its threads. Everything it does, it does only with the lease."""

    def __init__(self, runtime: TraderRuntime, follow: Follow = lambda _: None) -> None:
        self.runtime = runtime
        self._follow = follow
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._dead_man = DeadMan()
        self._streams = AccountStreams(runtime)
        self._renewed = float("-inf")
        self._recovering: threading.Thread | None = None

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        install(self.runtime)
        self.runtime.problems = dict.fromkeys(self.runtime.clients, ("the account was not looked at yet",))
        watchdog.start()
        self._follow(False)
        self._thread("lease", self._lease_step, STEP_SECONDS)
        self._thread("governor", self._governor_step, GOVERNOR_SECONDS)
        self._thread("knocks", self._knock_step, 0)
        if accounts_in_use():
            self._listen()
        for name, duties in THREADS.items():
            self._thread(name, self._clockwork(duties), CLOCKWORK_SECONDS)

    def _listen(self) -> None:
        """The accounts' own streams: what the venues tell of our orders without being asked."""
        self._streams.begin({venue: build_account_feed(venue, self._streams.heard) for venue in self.runtime.clients})
        self.runtime.proved = self._streams.expect
        self._thread("streams", self._streams.step, 0)

    def _thread(self, name: str, step: Callable[[], None], seconds: float) -> None:
        thread = threading.Thread(target=self._again, args=(name, step, seconds), name=f"trader-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _again(self, name: str, step: Callable[[], None], seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                if name != "knocks":
                    close_old_connections()
                step()
            except Exception as error:  # a watching thread that died of a surprise would watch no more
                # An absent database is news, but no surprise; each other error of its is a fault of ours.
                if database_away(error):
                    log.error("trader_thread_without_database", thread=name, error=error.__class__.__name__)
                else:
                    log.exception("trader_thread_failed", thread=name)
        connections.close_all()

    def _clockwork(self, duties: tuple[Duty, ...]) -> Callable[[], None]:
        def step() -> None:
            for duty in duties:
                duty.run(self.runtime)

        return step

    # --- the lease -----------------------------------------------------------------------------

    def _lease_step(self) -> None:
        if self.runtime.standby:
            self._acquire()
        elif time.monotonic() - self._renewed >= RENEW_SECONDS:
            self._renew()
        if not self.runtime.standby and self.runtime.recovered:
            # After a renewal that the database took: a trader that cannot write lets its orders be canceled (S8).
            self._dead_man.beat(self.runtime)

    def _acquire(self) -> None:
        started = time.monotonic()
        epoch = lease_acquire(self.holder)
        if epoch is None:
            return
        try:
            desk_start(epoch=epoch, build=build.version())
        except (RecordingFailedError, RefusedError, DatabaseError):
            # Without a recorded stop there is no start (laws 4 and 5): give the lease back and try again.
            lease_release(self.holder, epoch)
            raise
        self._renewed, self.runtime.recovered, self.runtime.epoch = started, False, epoch
        log.info("trader_leads", epoch=epoch, holder=self.holder)
        self._follow(True)
        self._recovering = threading.Thread(target=self._recover, args=(epoch,), name="trader-recovery", daemon=True)
        self._recovering.start()

    def _renew(self) -> None:
        """Renewed, or lost: to another holder at once, to silence of the database after the lease's own length."""
        started = time.monotonic()
        try:
            kept = lease_renew(self.holder, self.runtime.epoch)
        except (DatabaseError, InterfaceError) as error:
            log.error("lease_not_renewed", error=error.__class__.__name__)
            kept = started - self._renewed < LEASE_SECONDS
        else:
            self._renewed = started if kept else self._renewed
        if not kept:
            self._lose()

    def _lose(self) -> None:
        log.error("lease_lost", epoch=self.runtime.epoch)
        self.runtime.epoch, self.runtime.recovered = 0, False
        self._follow(False)
        alert(kind="lease_lost", severity="critical", text="the trader lost its lease and sends nothing more")

    def _recover(self, epoch: int) -> None:
        """Until it succeeds or the lease is gone: nothing opens before."""
        self._recover_until(epoch)
        connections.close_all()

    def _recover_until(self, epoch: int) -> None:
        while self.runtime.epoch == epoch and not self._stopping.is_set():
            try:
                close_old_connections()
                self._prepare()
                recover(runtime=self.runtime)
                _spare_the_collector()
            except Exception:  # whatever went wrong, an unrecovered trader must try again, or nothing ever reduces
                log.exception("recovery_failed", epoch=epoch)
                self._stopping.wait(STEP_SECONDS)
            else:
                return

    def _prepare(self) -> None:
        """Instruments before anything is sized; a venue that does not answer now keeps its rows of yesterday."""
        for client in self.runtime.clients.values():
            try:
                self.runtime.run(instruments_refresh(client))
            except VenueError as error:
                log.warning("instruments_unread", venue=client.venue, code=error.code)
        PREFLIGHTS.run(self.runtime, forced=True)

    # --- watching ------------------------------------------------------------------------------

    def _governor_step(self) -> None:
        if self.runtime.standby:
            return
        self.runtime.give_way()
        decision_prepare(epoch=self.runtime.epoch, now=utc_now())
        mixture_check()
        if values().flag("AUTOPILOT_ENABLE") and self.runtime.recovered:
            autopilot_evaluate(now=utc_now())

    def _knock_step(self) -> None:
        knock_answer(self.runtime)

    # --- leaving -------------------------------------------------------------------------------

    def drain(self) -> None:
        """From now on nothing opens; what is under way goes on to its end."""
        self.runtime.draining = True

    def stop(self) -> None:
        """Finish hedges in hand, or leave them to the successor's recovery, then give the lease back."""
        self.drain()
        until = time.monotonic() + deadline_seconds() + DRAIN_SECONDS
        while self.runtime.busy and time.monotonic() < until:
            time.sleep(0.05)
        self._stopping.set()
        for thread in [*self._threads, *([self._recovering] if self._recovering else [])]:
            thread.join(timeout=5)
        self._streams.end()
        self._leave()
        watchdog.stop()
        install(None)
        self.runtime.close()

    def _leave(self) -> None:
        epoch = self.runtime.epoch
        if not epoch:
            return
        try:
            self._dead_man.release(self.runtime)
            if not self.runtime.busy:
                desk_stop_clean(epoch=epoch)
            lease_release(self.holder, epoch)
        except (DatabaseError, RefusedError) as error:
            # The lease runs out by itself within ten seconds.
            log.warning("lease_not_released", error=error.__class__.__name__)
        self.runtime.epoch = 0
