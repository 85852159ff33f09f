"""What goes wrong, once a minute: venues that lie or fall silent, processes that die, services that restart, a HOLD.

A clock that the venue has wrong is not among them: the oracle tells by the venue's clock whether HOLD held.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

VENUES = ("binance-um", "okx-perp")
ORDER_PATH = {"binance-um": "/fapi/v1/order", "okx-perp": "/api/v5/trade/"}
FREEZE_SECONDS = 15.0


class Ground(Protocol):
    """What a fault may lay hands on."""

    def pid_of(self, role: str) -> int: ...
    def simulator_fault(self, body: dict[str, Any]) -> None: ...
    def hold(self) -> None: ...


Strike = Callable[[Ground, Random], str]


@dataclass(frozen=True)
class FaultKind:
    """``strike`` does it and says in words what it did."""

    name: str
    strike: Strike


def _killed(role: str, number: signal.Signals) -> FaultKind:
    name = f"{'kill -9' if number is signal.SIGKILL else number.name} of {role}"

    def strike(ground: Ground, _: Random) -> str:
        os.kill(ground.pid_of(role), number)
        return name

    return FaultKind(name, strike)


def _frozen(role: str) -> FaultKind:
    name = f"{role} frozen for {FREEZE_SECONDS:.0f} s"

    def strike(ground: Ground, _: Random) -> str:
        pid = ground.pid_of(role)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(FREEZE_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        return name

    return FaultKind(name, strike)


def _orders(kind: str, *, times: int = 3, **args: Any) -> FaultKind:
    """The next orders at one venue go wrong."""

    def strike(ground: Ground, chance: Random) -> str:
        venue = chance.choice(VENUES)
        match = {"method": "POST", "path": ORDER_PATH[venue]}
        ground.simulator_fault({"venue": venue, "kind": kind, "match": match, "args": args, "times": times})
        return f"{kind} at {venue}"

    return FaultKind(kind, strike)


def _state(kind: str, **args: Any) -> FaultKind:
    """One venue is in a bad way for a while."""

    def strike(ground: Ground, chance: Random) -> str:
        venue = chance.choice(VENUES)
        body = {"venue": venue, "kind": kind, "args": args}
        if kind == "maintenance":
            body |= {"match": {"path": "/"}, "times": None}
        ground.simulator_fault(body)
        return f"{kind} at {venue}"

    return FaultKind(kind, strike)


def _hold(ground: Ground, _: Random) -> str:
    ground.hold()
    return "HOLD by an operator"


KINDS = (
    *(_killed(role, signal.SIGKILL) for role in ("trader", "web", "worker", "beat", "stream", "simulator")),
    *(_killed(role, signal.SIGKILL) for role in ("postgres", "valkey")),
    # The signals of an orderly restart: PostgreSQL's fast shutdown, Valkey's own.
    _killed("postgres", signal.SIGINT),
    _killed("valkey", signal.SIGTERM),
    _killed("trader", signal.SIGTERM),
    _frozen("trader"),
    FaultKind("HOLD by an operator", _hold),
    _state("close_stream"),
    _state("mute_stream", seconds=12),
    _state("stale_book", seconds=12),
    _state("crossed_book", seconds=8, bps=5),
    _state("maintenance", seconds=10, refuse=True),
    _orders("apply_then_drop"),
    _orders("drop_before"),
    _orders("apply_then_5xx"),
    _orders("partial", fraction="0.4"),
    _orders("reject"),
    _orders("latency", ms=2500),
    _orders("query_lag", seconds=4),
    _orders("html", applied=True),
    _orders("duplicate_event"),
)


def bag(chance: Random) -> Iterator[FaultKind]:
    """For ever: every kind once in a random order, then again."""
    while True:
        yield from chance.sample(KINDS, len(KINDS))
