"""Group crashes: A1 to A19. A trader is killed at the named point, its successor too (depth 2), then the oracle."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from propbot.crashpoints import CRASH_EXIT_CODE
from tools.chaos.ground import SYMBOLS
from tools.chaos.results import CaseRun
from tools.chaos.stand import Stand

GROUP = "crashes"
LONG, SHORT = "binance-um", "okx-perp"
PATHS = {LONG: "/fapi/v1/order", SHORT: "/api/v5/trade/"}
RECOVERY_POINTS = (
    "recovery_started",
    "recovery_marked",
    "recovery_resolved",
    "pre_send",
    "flatten_sent",
    "pre_complete",
)
Fault = tuple[str, str, dict[str, Any], int]  # leg ("first" or "second"), kind, args, times


@dataclass(frozen=True)
class Shape:
    """One row of RELIABILITY A: where it dies, and what the venues do meanwhile."""

    row: str
    point: str
    faults: tuple[Fault, ...] = ()
    action: str = "open"
    post_only: bool = False
    do: str = ""  # instead of dying: what happens at the point
    expect: str = ""  # "unsent": no order ever; "no_new": none after the crash

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.row, self.do, self.point)))


POINTS = ("post_journal", "post_gate", "pre_send", "post_response", "leg_a_filled", "pre_send:2", "leg_b_sent", "pre_complete")  # fmt: skip
SHAPES: tuple[Shape, ...] = (
    Shape("A1", "pre_journal", expect="unsent"),
    Shape("A2", "post_journal", expect="unsent"),
    Shape("A3", "post_gate", expect="unsent"),
    Shape("A4", "pre_send", expect="unsent"),
    Shape("A5", "post_response", (("first", "apply_then_drop", {}, 1),)),
    Shape("A6", "post_response"),
    Shape("A7", "leg_a_ack", (("first", "refuse", {}, 1),)),
    Shape("A7", "quote_resting", post_only=True),
    Shape("A8", "leg_a_filled", (("first", "partial", {}, 1),)),
    Shape("A8", "leg_b_sent", (("first", "partial", {}, 1),)),
    Shape("A9", "leg_a_filled"),
    Shape("A9", "post_gate:2"),
    Shape("A9", "pre_send:2"),
    Shape("A10", "leg_b_sent", (("second", "apply_then_drop", {}, 1), ("second", "query_lag", {"seconds": 2}, 3))),
    Shape("A11", "pre_complete", expect="no_new"),
    Shape("A12", "flatten_sent", (("second", "reject", {}, 3),)),
    Shape("A12", "exit_sent", action="close"),
    Shape("A13", "cancel_sent", post_only=True),
    *(Shape("A17", point, do="term") for point in POINTS),
    *(Shape("A18", point, do=limit) for limit in ("nofile", "fsize", "memory") for point in POINTS[1:7:2]),
    *(Shape("A19", point, do="on_commit") for point in ("post_journal", "post_gate", "post_gate:2")),
)
SHARP = (
    "A4 pre_send",
    "A5 post_response",
    "A9 leg_a_filled",
    "A10 leg_b_sent",
    "A12 flatten_sent",
    "A17 term pre_send",
)


def case_names(shape: Shape) -> list[str]:
    depths = (1,) if shape.do else (1, 2)
    return [f"{shape.name} {first} depth {depth}" for first in ("long", "short") for depth in depths]


def plan(seeds: int, *, quick: bool) -> Iterator[tuple[str, int]]:
    """(case, seed), seed by seed, so that a run that is cut short has seen every case."""
    for seed in range(1, seeds + 1):
        for shape in SHAPES:
            names = case_names(shape)
            if quick:
                names = [names[0], names[-1]] if shape.name in SHARP else []
            yield from ((name, seed) for name in names)
    if not quick:
        yield from (("A15 two recoverers", seed) for seed in range(1, 10 * seeds + 1))
    else:
        yield "A15 two recoverers", 1


def run(stand: Stand, case: str, seed: int, base_seed: int = 0) -> CaseRun:
    chance = Random(f"{base_seed}/{case}/{seed}")  # noqa: S311 - a repeatable choice, no secret
    stand.begin()
    if case.startswith("A15"):
        return _two_recoverers(stand, case, seed, chance)
    shape = next(one for one in SHAPES if case.startswith(one.name + " "))
    first, depth = ("long" if " long " in case else "short"), int(case[-1])
    injected, found = _break(stand, shape, first, depth, chance)
    found += stand.violations()
    if found:
        stand.explain(f"{case}-{seed}".replace(" ", "-"))
    return CaseRun(GROUP, case, seed, injected, tuple(found))


def _words(shape: Shape, first: str, chance: Random) -> dict[str, Any]:
    words: dict[str, Any] = {
        "symbol": chance.choice(SYMBOLS),
        "notional": str(chance.choice((300, 900, 2000, 4500))),
        "first": first,
        "post_only": shape.post_only,
    }
    if shape.post_only and chance.random() < 0.5:
        words["cross_after"] = chance.uniform(0.4, 0.7)
    if shape.point in ("pre_send", "post_response", "pre_complete") and not shape.faults and chance.random() < 0.3:
        words["settings"] = {"LEG_EXECUTION": "concurrent"}
    return words


def _spoil(stand: Stand, shape: Shape, first: str, chance: Random) -> None:
    venues = {"first": LONG if first == "long" else SHORT, "second": SHORT if first == "long" else LONG}
    for leg, kind, args, times in shape.faults:
        venue, chosen = venues[leg], dict(args)
        match: dict[str, Any] = {"method": "POST", "path": PATHS[venue]}
        if kind == "refuse":
            kind = chance.choice(("reject", "drop_before", "apply_then_drop"))
        if kind == "partial":
            chosen = {"fraction": f"{chance.uniform(0.05, 0.95):.2f}"}
        stand.simulator.fault(venue, kind, match=match, times=times, **chosen)


def _break(stand: Stand, shape: Shape, first: str, depth: int, chance: Random) -> tuple[bool, list[str]]:
    words = _words(shape, first, chance)
    found: list[str] = []
    if shape.action == "close":
        stand.zygote.run(stand.job("open", **words))
    _spoil(stand, shape, first, chance)
    before = stand.accepted()
    if shape.do:
        code = stand.zygote.run(stand.job(shape.action, at=shape.point, do=shape.do, **words), 12)
        injected = os.path.exists(f"{stand.log}.struck")  # noqa: PTH110 - beside the child's log
        found += _manner(shape, code) if injected else []
    else:
        code = stand.zygote.run(stand.job(shape.action, crash_at=shape.point, **words), 25)
        injected = code == CRASH_EXIT_CODE
        found += [] if code in (0, CRASH_EXIT_CODE) else [f"the child ended with {code}"]
    after = stand.accepted()
    if shape.expect == "unsent" and after != before:
        found.append(f"{after - before} orders were sent")
    epoch = 2
    if depth == 2:
        point = chance.choice(RECOVERY_POINTS)
        stand.stop_desk(epoch=epoch)
        stand.zygote.run(stand.job("recover", crash_at=point, epoch=epoch), 25)
        epoch += 1
    found += stand.restart(epoch=epoch)
    if shape.expect and stand.accepted() != after:
        found.append("the recovery sent an order")
    return injected, found


def _manner(shape: Shape, code: int | None) -> list[str]:
    """A drained trader ends in order and in time; a starved one may end as it can."""
    if shape.do == "term" and code != 0:
        return [f"after SIGTERM it ended with {code}"]
    if code is None and shape.do not in ("memory", "nofile"):
        return ["it hung"]
    return []


def _two_recoverers(stand: Stand, case: str, seed: int, chance: Random) -> CaseRun:
    """An older and a newer successor recover the same hedge at once: the token decides, nothing is sent twice."""
    point = chance.choice(("post_response", "pre_send:2", "leg_b_sent", "pre_send"))
    shape = Shape("A15", point)
    code = stand.zygote.run(stand.job("open", crash_at=point, **_words(shape, "long", chance)), 25)
    stand.stop_desk(epoch=3)
    moment = time.time() + 0.3
    pids = [stand.zygote.start(stand.job("recover", epoch=epoch, start_at=moment)) for epoch in (2, 3)]
    codes = [stand.zygote.wait(pid, 25) for pid in pids]
    found = [f"a recoverer ended with {one}" for one in codes if one != 0]
    found += stand.restart(epoch=4)
    return CaseRun(GROUP, case, seed, code == CRASH_EXIT_CODE, tuple(found + stand.violations()))
