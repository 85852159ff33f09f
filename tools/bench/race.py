"""From the moment that a quote changes to both orders accepted: the bare script, and PropBot's whole way."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.desk import Desk, running_desk
from tests.acceptance.desk import free_port_block as free_ports
from tests.simulator.server import running_simulator
from tools.bench.ground import ROOT, SYMBOLS, VENUES, Arrival, Control, Ground, median, percentile, wait_for
from tools.reports import Result, at_most, measured

ROUND_TRIP_MS = 25.0
TARGET = 1.3
BPS = 60.0
DISLOCATED_SECONDS = 1.2
CYCLE_SECONDS = 2.3  # thirty hedges a minute throttle a strategy (the governor)
CALM_AGAIN_SECONDS = 0.4
BOTH_WITHIN_SECONDS = 4.0
UNDISTURBED_SECONDS = 0.4  # the venue notes when an order arrives: who asks for it meanwhile only takes its time
WARM_UP = 3
READY_SECONDS = 180
CALM_PER_DISLOCATION = 1.0  # seconds of undisturbed basis samples, so that the median outlasts what follows


@dataclass
class Times:
    """Milliseconds by the venue of the first leg; ``missed``: repetitions that did not end with both legs."""

    by_first: dict[str, list[float]] = field(default_factory=dict)
    missed: int = 0

    def add(self, began_ms: float, arrivals: list[Arrival]) -> None:
        accepted = [one for one in arrivals if one.accepted]
        if {one.venue for one in accepted[:2]} != set(VENUES):
            self.missed += 1
            return
        self.by_first.setdefault(accepted[0].venue, []).append(accepted[1].at_ms - began_ms)

    @property
    def all(self) -> list[float]:
        return [one for times in self.by_first.values() for one in times]


def _both(control: Control, symbol: str, began_ms: float) -> list[Arrival]:
    try:
        return list(
            wait_for(
                "both orders",
                lambda: found if len(found := control.opening_orders(symbol, began_ms)) >= 2 else None,
                BOTH_WITHIN_SECONDS,
            )
        )
    except RuntimeError:
        return []


def _repeat(
    control: Control, count: int, arm: Callable[[str], None], settle: Callable[[str], None], cycle_seconds: float = 0
) -> Times:
    """``count`` dislocations in turn over symbols and venues; the first few warm everything up and do not count."""
    times = Times()
    for number in range(-WARM_UP, count):
        symbol, venue = SYMBOLS[number % len(SYMBOLS)], VENUES[number % len(VENUES)]
        arm(symbol)
        begun = time.monotonic()
        lifted = control.dislocate(venue, symbol, BPS, DISLOCATED_SECONDS)
        time.sleep(UNDISTURBED_SECONDS)
        began_ms = control.moment_of(lifted)
        arrivals = _both(control, symbol, began_ms)
        if number >= 0:
            times.add(began_ms, arrivals)
        _sleep_until(begun + DISLOCATED_SECONDS + CALM_AGAIN_SECONDS)
        settle(symbol)
        _sleep_until(begun + cycle_seconds)
    return times


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


# --- the bare script ----------------------------------------------------------------------------


@contextmanager
def _bare(url: str, mode: str) -> Iterator[Callable[[str], None]]:
    command = [sys.executable, "-m", "tools.bench.bare", url, mode]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if process.stdin is None or process.stdout is None or "ready" not in process.stdout.readline():
        process.kill()
        raise RuntimeError("the bare script did not start")
    words = process.stdin

    def arm(symbol: str) -> None:
        words.write(f"{symbol}\n")
        words.flush()

    try:
        yield arm
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def bare_times(mode: str, latencies: tuple[float, ...], count: int) -> dict[float, Times]:
    found = {}
    with running_simulator(dislocate_every=0) as simulator, _bare(simulator.url, mode) as arm:
        control = Control(simulator.url)
        time.sleep(1)
        for latency in latencies:
            control.latency(latency)
            found[latency] = _repeat(control, count, arm, lambda _: control.flatten())
        control.latency(0)
    return found


# --- PropBot ------------------------------------------------------------------------------------


def desk_settings(ground: Ground, mode: str) -> dict[str, str]:
    return {
        **ground.environ(),
        "LEG_EXECUTION": mode,
        "SIMULATOR_OPTIONS": "--dislocate-every 0",
        "AUTO_HEDGE_ENABLED": "true",
        "ORDER_NOTIONAL_USDT": "300",
        "MIN_SPREAD_BPS": "10",
        "POLL_INTERVAL_SEC": "3600",
    }


def _trade(desk: Desk, calm_seconds: float) -> None:
    desk.start_trading()
    desk.loosen({"dry_run_mode": False})
    _wait_for_rounds(desk)
    time.sleep(calm_seconds)


def _wait_for_rounds(desk: Desk) -> None:
    """Two clean rounds and a known basis: nothing but the edge is missing then."""
    wait_for(
        "only the edge is missing",
        lambda: desk.get("/api/arb/opportunity")["blocked_reason"] == "net_edge_below_minimum",
        READY_SECONDS,
    )


def _wait_until_flat(control: Control) -> None:
    wait_for("PropBot closes its hedge", lambda: not control.positions(), 60)


def desk_times(
    ground: Ground, mode: str, latencies: tuple[float, ...], count: int, look: Callable[[Desk], None]
) -> dict[float, Times]:
    """``look`` sees the desk after its last hedge, still running."""
    ground.fresh()
    found = {}
    folder = Path(ground.folder) / f"desk-{mode}"
    with running_desk(folder, free_ports(), **desk_settings(ground, mode)) as desk:
        _trade(desk, CALM_PER_DISLOCATION * count)
        control = Control(desk.accounts["simulator_url"])
        for latency in latencies:
            control.latency(latency)
            found[latency] = _repeat(control, count, lambda _: None, lambda _: _wait_until_flat(control), CYCLE_SECONDS)
        control.latency(0)
        look(desk)
    return found


# --- side by side -------------------------------------------------------------------------------


def compared(mode: str, latency: float, bare: Times, desk: Times, waiting: Times) -> list[Result]:
    """Medians, and their ratio per venue of the first leg: OKX's fill costs a question, so the order decides.

    Two legs at once are held against a bare script that sends two at once, and against the one that reads the first
    fill before its second leg (``waiting``)."""
    label = f"{mode}, round trip {latency:g} ms"
    results = [
        measured(f"{label}: bare ccxt, median", median(bare.all), "ms"),
        measured(f"{label}: PropBot, median", median(desk.all), "ms"),
        measured(f"{label}: PropBot, p90", percentile(desk.all, 90), "ms"),
        measured(f"{label}: PropBot, repetitions without both legs", desk.missed, "repetitions"),
    ]
    if mode == "concurrent":
        patient = f"{label}, bare ccxt waiting for the first fill"
        return [
            *results,
            _ratio(label, latency, median(desk.all) / median(bare.all)),
            _ratio(patient, latency, median(desk.all) / median(waiting.all)),
        ]
    for venue in VENUES:
        ours, theirs = desk.by_first.get(venue, []), bare.by_first.get(venue, [])
        if ours and theirs:
            named = f"{label}, {venue} first ({len(ours)} and {len(theirs)} repetitions)"
            results.append(_ratio(named, latency, median(ours) / median(theirs)))
    return results


def _ratio(label: str, latency: float, value: float) -> Result:
    name = f"{label}: PropBot / bare"
    return at_most(name, value, "ratio", TARGET) if latency == ROUND_TRIP_MS else measured(name, value, "ratio")


def race(ground: Ground, *, count: int, look: Callable[[Desk], None], modes: tuple[str, ...]) -> list[Result]:
    latencies = (ROUND_TRIP_MS, 0.0)
    results: list[Result] = []
    waiting: dict[float, Times] = {}
    for mode in modes:
        bare = bare_times(mode, latencies, count)
        waiting = waiting or (bare if mode == "sequential" else bare_times("sequential", latencies, count))
        desk = desk_times(ground, mode, latencies, count, look)
        for latency in latencies:
            results += compared(mode, latency, bare[latency], desk[latency], waiting[latency])
    return results
