"""Group episodes: the whole engine against the simulator, in virtual time, with what goes wrong drawn from a seed.

An episode opens one or two hedges, sequentially, concurrently or with a resting quote, closes some of them, sometimes
engages HOLD in the middle of it, and is judged by the oracle after everything has had its time.
"""

import gc
from random import Random
from typing import Any

from django.test import override_settings

from propbot.config import values
from propbot.errors import RefusedError
from tools.chaos import virtual
from tools.chaos.ground import SYMBOLS
from tools.chaos.market import LONG, SHORT
from tools.chaos.results import CaseRun
from tools.chaos.stand import Stand

GROUP, CASE = "episodes", "random episode"
ORDER = {LONG: "/fapi/v1/order", SHORT: "/api/v5/trade/"}
CANCEL = {LONG: ("DELETE", "/fapi/v1/order"), SHORT: ("POST", "/api/v5/trade/cancel")}
SETTLE_SECONDS = 180.0
HOLD_AT = ("post_journal", "post_response", "leg_a_filled", "leg_b_sent", "pre_complete", "flatten_sent")
BINANCE_CODES = ((503, -1006), (408, -1007), (400, -1001), (429, -1003), (400, -2019), (400, -4116))
OKX_CODES = ((200, 50004), (200, 50026), (200, 50013), (200, 50011), (200, 51008), (200, 51016))


class VirtualStand(Stand):
    """The same stand with the simulator inside and real waits replaced by jumps. No process dies here, so commits
    need not reach the disk."""

    durable = False
    settings_more = {"RELIABILITY_TIME_DIVISOR": "1", "ORPHAN_MAX_SEC": "15"}
    forks = False

    def _serve(self, port: int) -> Any:
        return virtual.Answering(self.folder, SYMBOLS)

    def _simulator(self) -> Any:
        from tools.chaos.unwired import Unwired

        return Unwired(self.server)  # type: ignore[arg-type]

    def _engine(self) -> None:
        virtual.install()
        super()._engine()
        virtual.limiters_install([*self.runtime.clients.values(), *self.runtime.paper.values()])
        # As a trader does once it has loaded everything: no collection looks at it again.
        gc.collect()
        gc.freeze()

    def renew(self) -> None:
        self.server.forget()  # type: ignore[attr-defined]

    def wait(self) -> None:
        """Jump to the next question that is due, or to the next turn of the trader's own sweeps, a second away."""
        from propbot.clock import utc_now
        from trading.models import Order
        from trading.services.outcomes import orders_unproven

        due = Order.objects.filter(orders_unproven(), next_check_at__isnull=False).order_by("next_check_at")
        moment = due.values_list("next_check_at", flat=True).first()
        ahead = (moment - utc_now()).total_seconds() if moment else 1.0
        virtual.advance(min(max(ahead, 0.1), 5.0))

    def clock(self) -> float:
        return virtual.offset()


def _faults(stand: Stand, chance: Random) -> bool:
    """None to three faults on the requests to come."""
    count = chance.choices((0, 1, 2, 3), (2, 5, 3, 2))[0]
    for _ in range(count):
        _fault(stand, chance, chance.choice((LONG, SHORT)))
    return bool(count)


def _fault(stand: Stand, chance: Random, venue: str) -> None:
    kind = chance.choice(
        (
            "drop_before",
            "apply_then_drop",
            "apply_then_5xx",
            "http_status",
            "venue_error",
            "html",
            "empty",
            "partial",
            "reject",
            "query_lag",
            "latency",
            "bad_number",
            "cancel_lost",
            "query_lost",
        )
    )
    args: dict[str, Any] = {}
    match: dict[str, Any] = {"method": "POST", "path": ORDER[venue], "nth": chance.choice((1, 1, 1, 2, 3))}
    times = chance.choice((1, 1, 1, 2, 3))
    if kind in ("http_status", "html", "empty"):
        args = {"applied": chance.random() < 0.5}
        args |= {"status": chance.choice((500, 502, 503, 504))} if kind == "http_status" else {}
    elif kind == "venue_error":
        status, code = chance.choice(BINANCE_CODES if venue == LONG else OKX_CODES)
        # Codes that prove a refusal are only true when nothing was applied.
        proves = code in (-2019, 51008, -4116, 51016)
        args = {"status": status, "code": code, "message": "chaos", "applied": not proves and chance.random() < 0.5}
    elif kind == "partial":
        args = {"fraction": f"{chance.uniform(0, 1):.3f}"}
    elif kind == "query_lag":
        args = {"seconds": round(chance.uniform(0.2, 20), 1)}
    elif kind == "latency":
        args = {"ms": chance.choice((50, 800, 1900, 2500, 6000))}
    elif kind == "bad_number":
        args = {"value": chance.choice(("NaN", "1e400", "-1"))}
    elif kind == "cancel_lost":
        kind, (method, path) = chance.choice(("drop_before", "apply_then_drop")), CANCEL[venue]
        match = {"method": method, "path": path}
    elif kind == "query_lost":
        kind, match, times = "drop_before", {"method": "GET"}, chance.choice((1, 3, 8, 20))
    stand.simulator.fault(venue, kind, match=match, times=times, **args)


def _hold_somewhere(stand: Stand, place: str) -> Any:
    """A passage that engages HOLD once, in the middle of a hedge; what its answer named may still arrive."""
    from propbot import crashpoints
    from risk.services.hold import hold_engage
    from trading.services import execution, journal, orphans, reducing

    done: list[bool] = []

    def passage(name: str) -> None:
        if name == place and not done:
            done.append(True)
            held = hold_engage(reason="chaos", source="chaos")
            stand.holds.append((held.at, frozenset(held.in_flight or [])))

    def put(function: Any) -> None:
        for module in (execution, journal, orphans, reducing):
            module.crashpoint = function

    put(passage)
    return lambda: put(crashpoints.crashpoint)


def _open(stand: Stand, chance: Random, post_only: bool) -> None:
    from trading.services.execution import hedge_open

    words = {"notional": str(chance.choice((250, 300, 900, 2000, 4500))), "first": chance.choice(("long", "short"))}
    plan = stand.desk.plan(chance.choice(SYMBOLS), post_only=post_only, **words)
    hedge_open(plan=plan, attempt=None)


def _close_some(stand: Stand, chance: Random) -> None:
    from trading.models import Hedge
    from trading.services.closing import hedge_close

    for hedge in Hedge.objects.filter(status__in=["open", "partial"]):
        if chance.random() < 0.7:
            kind = chance.choice(("close", "close", "flatten"))
            _calmly(lambda pk=hedge.pk, kind=kind: hedge_close(hedge_id=pk, reason="operator", kind=kind))


def _calmly(act: Any) -> None:
    """What the engine refuses in order is an outcome, not a failure."""
    from trading.services.transitions import LostRaceError
    from trading.venues.base import VenueError

    try:
        act()
    except (RefusedError, LostRaceError, VenueError):
        return


def _play(stand: Stand, chance: Random) -> bool:
    struck = False
    for _ in range(chance.choice((1, 1, 2))):
        struck |= _faults(stand, chance)
        restore = _hold_somewhere(stand, chance.choice(HOLD_AT)) if chance.random() < 0.15 else None
        try:
            _calmly(lambda: _open(stand, chance, chance.random() < 0.1))
        finally:
            if restore:
                restore()
        virtual.advance(chance.uniform(0, 3))
    return struck


def run(stand: VirtualStand, seed: int, base_seed: int) -> CaseRun:
    chance = Random(f"{base_seed}/episode/{seed}")  # noqa: S311 - a repeatable choice, no secret
    stand.begin()
    chosen = values().replace(
        LEG_EXECUTION=chance.choice(("sequential", "sequential", "concurrent")),
        ORPHAN_LEG_POLICY="hold" if chance.random() < 0.1 else "flatten",
    )
    with override_settings(PROPBOT=chosen):
        struck = _play(stand, chance)
        stand.settle(chance.choice((0.0, 5.0, 40.0)))
        struck |= _faults(stand, chance) if chance.random() < 0.4 else False
        _close_some(stand, chance)
        stand.simulator.calm()
        found = stand.settle(SETTLE_SECONDS)
        found += stand.violations()
        if found:
            stand.explain(f"episode-{seed}")
    return CaseRun(GROUP, CASE, seed, struck or bool(stand.holds), tuple(found))
