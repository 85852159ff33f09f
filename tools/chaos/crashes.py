"""Group crashes: A1 to A19. A trader is killed at the named point, its successor too (depth 2), then the oracle."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from propbot.crashpoints import CRASH_EXIT_CODE
from tools.chaos.ground import SYMBOLS
from tools.chaos.market import LONG, SHORT, quote_taken
from tools.chaos.results import CaseRun
from tools.chaos.stand import Stand

GROUP = "crashes"
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
    crossed: str = ""  # in half the seeds the quote is taken: at this point, or "dead": before the restart
    expect: str = ""  # "unsent": no order ever; "no_new": none after the crash

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.row, self.do, self.point)))


@dataclass(frozen=True)
class Course:
    """Which leg goes first, how often the trader dies, and whether the market comes to its quote."""

    first: str
    depth: int
    crosses: bool


POINTS = ("post_journal", "post_gate", "pre_send", "post_response", "leg_a_filled", "pre_send:2", "leg_b_sent", "pre_complete")  # fmt: skip
SHAPES: tuple[Shape, ...] = (
    Shape("A1", "pre_journal", expect="unsent"),
    Shape("A2", "post_journal", expect="unsent"),
    Shape("A3", "post_gate", expect="unsent"),
    Shape("A4", "pre_send", expect="unsent"),
    Shape("A5", "post_response", (("first", "apply_then_drop", {}, 1),)),
    Shape("A6", "post_response"),
    Shape("A7", "leg_a_ack", (("first", "refuse", {}, 1),)),
    Shape("A7", "quote_resting", post_only=True, crossed="dead"),
    Shape("A8", "leg_a_filled", (("first", "partial", {}, 1),)),
    Shape("A8", "leg_b_sent", (("first", "partial", {}, 1),)),
    Shape("A9", "leg_a_filled"),
    Shape("A9", "post_gate:2"),
    Shape("A9", "pre_send:2"),
    Shape("A10", "leg_b_sent", (("second", "apply_then_drop", {}, 1), ("second", "query_lag", {"seconds": 2}, 3))),
    Shape("A11", "pre_complete", expect="no_new"),
    Shape("A12", "flatten_sent", (("second", "reject", {}, 3),)),
    Shape("A12", "exit_sent", action="close"),
    Shape("A13", "cancel_sending", post_only=True, crossed="dead"),
    Shape("A13", "cancel_sent", post_only=True, crossed="cancel_sending"),
    *(Shape("A17", point, do="term") for point in POINTS),
    *(Shape("A18", point, do=limit) for limit in ("nofile", "fsize", "memory") for point in POINTS[1:7:2]),
    *(Shape("A19", point, do="on_commit") for point in ("post_gate", "post_gate:2")),
)
SHARP = (
    "A4 pre_send",
    "A5 post_response",
    "A9 leg_a_filled",
    "A10 leg_b_sent",
    "A12 flatten_sent",
    "A13 cancel_sent",
    "A17 term pre_send",
)
RECOVERERS = "A15 two recoverers"
# Seconds until a child is killed: who lacks descriptors or memory may hang; who was told to leave must leave, and gets
# the time that a loaded machine needs for it.
PATIENCE = {"term": 40.0}
ATTEMPTS = 3  # to strike


def case_names(shape: Shape) -> list[str]:
    depths = (1,) if shape.do else (1, 2)
    return [f"{shape.name} {first} depth {depth}" for first in ("long", "short") for depth in depths]


def plan(seeds: int, *, quick: bool) -> Iterator[tuple[str, int]]:
    """(case, seed), seed by seed, so that a run that is cut short has seen every case."""
    if quick:
        sharp = [case_names(shape) for shape in SHAPES if shape.name in SHARP]
        yield from ((names[0 if number % 2 else -1], 1) for number, names in enumerate(sharp))
        yield RECOVERERS, 1
        return
    for seed in range(1, seeds + 1):
        yield from ((name, seed) for shape in SHAPES for name in case_names(shape))
    yield from ((RECOVERERS, seed) for seed in range(1, 10 * seeds + 1))


def run(stand: Stand, case: str, seed: int, base_seed: int = 0) -> CaseRun:
    """One case. A fault that did not strike has shown nothing: it is tried again with other choices of the same
    seed, and what the oracle says of every attempt counts."""
    found: list[str] = []
    injected, attempt = False, 0
    while not (injected or found) and attempt < ATTEMPTS:
        name = f"{base_seed}/{case}/{seed}" + (f"/{attempt}" if attempt else "")
        injected, found = _once(stand, case, seed, Random(name))  # noqa: S311 - a repeatable choice, no secret
        attempt += 1
    return CaseRun(GROUP, case, seed, injected, tuple(found))


def _once(stand: Stand, case: str, seed: int, chance: Random) -> tuple[bool, list[str]]:
    stand.begin()
    if case.startswith("A15"):
        injected, found = _two_recoverers(stand, chance)
    else:
        shape = next(one for one in SHAPES if case.startswith(one.name + " "))
        first, depth = ("long" if " long " in case else "short"), int(case[-1])
        injected, found = _break(stand, shape, Course(first, depth, crosses=bool(seed % 2)), chance)
    found += stand.violations()
    if found:
        stand.explain(f"{case}-{seed}".replace(" ", "-"))
        found += stand.last_words()
    return injected, found


def _words(shape: Shape, course: Course, chance: Random) -> dict[str, Any]:
    words: dict[str, Any] = {
        "symbol": chance.choice(SYMBOLS),
        "notional": str(chance.choice((300, 900, 2000, 4500))),
        "first": course.first,
        "post_only": shape.post_only,
    }
    if course.crosses and shape.crossed and shape.crossed != "dead":
        words |= {"at": shape.crossed, "do": "cross"}
    if shape.point in ("pre_send", "post_response", "pre_complete") and not shape.faults and chance.random() < 0.3:
        words["settings"] = {"LEG_EXECUTION": "concurrent"}
    return words


def _spoil(stand: Stand, shape: Shape, first: str, chance: Random) -> None:
    venues = {"first": LONG if first == "long" else SHORT, "second": SHORT if first == "long" else LONG}
    for leg, kind, args, times in shape.faults:
        venue, chosen = venues[leg], dict(args)
        match: dict[str, Any] = {"method": "POST", "path": PATHS[venue]}
        if kind == "refuse":
            kind = chance.choice(("reject", "drop_before", "partial"))
            chosen = {"fraction": "0"} if kind == "partial" else {}
        elif kind == "partial":
            chosen = {"fraction": f"{chance.uniform(0.05, 0.95):.2f}"}
        stand.simulator.fault(venue, kind, match=match, times=times, **chosen)


def _break(stand: Stand, shape: Shape, course: Course, chance: Random) -> tuple[bool, list[str]]:
    words = _words(shape, course, chance)
    found: list[str] = []
    if shape.action == "close":
        stand.zygote.run(stand.job("open", **words))
    _spoil(stand, shape, course.first, chance)
    before = stand.accepted()
    if shape.do:
        code = stand.zygote.run(
            stand.job(shape.action, at=shape.point, do=shape.do, **words), PATIENCE.get(shape.do, 12)
        )
        injected = stand.struck()
        found += _manner(shape, code) if injected else []
    else:
        code = stand.zygote.run(stand.job(shape.action, crash_at=shape.point, **words), 25)
        injected = code == CRASH_EXIT_CODE and ("do" not in words or stand.struck())
        found += [] if code in (0, CRASH_EXIT_CODE) else [f"the child ended with {code}"]
    if course.crosses and shape.crossed == "dead":
        injected &= quote_taken(stand.simulator, words["symbol"], course.first)
    after = stand.accepted()
    if shape.expect == "unsent" and after != before:
        found.append(f"{after - before} orders were sent")
    return injected, found + _recover(stand, shape, course, after, chance)


def _recover(stand: Stand, shape: Shape, course: Course, sent: int, chance: Random) -> list[str]:
    """The successors: at depth 2 the first of them dies in its recovery, too."""
    epoch = 2
    if course.depth == 2:
        point = chance.choice(RECOVERY_POINTS)
        stand.stop_desk(epoch=epoch)
        stand.zygote.run(stand.job("recover", crash_at=point, epoch=epoch), 25)
        epoch += 1
    found = stand.restart(epoch=epoch)
    return [*found, "the recovery sent an order"] if shape.expect and stand.accepted() != sent else found


def _manner(shape: Shape, code: int | None) -> list[str]:
    """A drained trader ends in order and in time; a starved one may end as it can."""
    if shape.do == "term" and code != 0:
        return [f"after SIGTERM it ended with {code}"]
    if code is None and shape.do not in ("memory", "nofile"):
        return ["it hung"]
    return []


def _two_recoverers(stand: Stand, chance: Random) -> tuple[bool, list[str]]:
    """An older and a newer successor recover the same hedge at once: the token decides, nothing is sent twice."""
    point = chance.choice(("post_response", "pre_send:2", "leg_b_sent", "pre_send"))
    words = _words(Shape("A15", point), Course("long", 1, crosses=False), chance)
    code = stand.zygote.run(stand.job("open", crash_at=point, **words), 25)
    stand.stop_desk(epoch=3)
    moment = time.time() + 0.3
    pids = [stand.zygote.start(stand.job("recover", epoch=epoch, start_at=moment)) for epoch in (2, 3)]
    codes = [stand.zygote.wait(pid, 25) for pid in pids]
    found = [f"a recoverer ended with {one}" for one in codes if one != 0]
    found += stand.restart(epoch=4)
    return code == CRASH_EXIT_CODE, found
