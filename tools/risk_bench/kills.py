"""Workers that are killed while they reserve: what they had committed stands, nothing else does, and nobody waits."""

import random
import subprocess
import sys
import time
from dataclasses import dataclass

from django.db import connection

from risk.models import Reservation
from risk.services.facts import reserved_now
from risk.services.reservations import reservation_end
from tools.risk_bench.racing import MAY_PASS, WANTED, intent_of, reserve

PATIENCE_SECONDS = 60
UUID_LENGTH = 36


@dataclass
class Killed:
    """``lost``: told as committed and not there. ``left``: held, and not what a worker had in hand when it died."""

    kills: int = 0
    told: int = 0
    lost: int = 0
    left: int = 0
    over: int = 0
    longest_wait_ms: float = 0


def _told(lines: list[str], word: str) -> set[str]:
    """The last line may have been cut off in the middle."""
    words = [line.split() for line in lines]
    return {found[1] for found in words if found[:1] == [word] and len(found) == 2 and len(found[1]) == UUID_LENGTH}


def _victim(workers: int, seconds: float) -> list[str]:
    """Its lines until it was killed, ``seconds`` after all its workers were at work."""
    command = [sys.executable, "-m", "tools.risk_bench.victim", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603
        if child.stdout is None:
            raise RuntimeError("a victim without a voice")
        ready = 0
        lines = []
        while ready < workers:
            lines.append(child.stdout.readline())
            if not lines[-1]:
                raise RuntimeError("a victim died by itself")
            ready += lines[-1].startswith("ready")
        time.sleep(seconds)
        child.kill()
        return [*lines, *child.stdout.read().splitlines()]


def _judge(found: Killed, lines: list[str], workers: int) -> None:
    held = {str(hedge) for hedge in Reservation.objects.filter(status="held").values_list("hedge_id", flat=True)}
    known = {str(hedge) for hedge in Reservation.objects.values_list("hedge_id", flat=True)}
    told = _told(lines, "held")
    found.told += len(told)
    # An end that was begun may have been committed or not; a reservation may have been committed and not told yet.
    found.lost += len(told - known) + len(told - _told(lines, "ending") - held)
    found.left += max(0, len(held) - workers)
    found.over += reserved_now().notional_usdt > WANTED * MAY_PASS


def _recover(found: Killed) -> None:
    """As the recovery ends the reservations of hedges whose process died; then the next one passes at once."""
    for hedge in list(Reservation.objects.filter(status="held").values_list("hedge_id", flat=True)):
        reservation_end(hedge_id=hedge)
    began = time.monotonic()
    reservation_end(hedge_id=reserve(intent_of(1)))
    found.longest_wait_ms = max(found.longest_wait_ms, (time.monotonic() - began) * 1000)
    found.left += Reservation.objects.filter(status="held").count()


def run(*, kills: int, workers: int, seed: int = 1) -> Killed:
    chance, found = random.Random(seed), Killed()  # noqa: S311 - when to kill, not a secret
    for _ in range(kills):
        lines = _victim(workers, chance.uniform(0.1, 1.0))
        found.kills += 1
        # The killed sessions end when PostgreSQL notices: what they had not committed goes with them.
        _wait_for_the_lock()
        _judge(found, lines, workers)
        _recover(found)
    return found


def _wait_for_the_lock() -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise RuntimeError("the sessions of a killed process stand")
