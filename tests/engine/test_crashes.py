"""kill -9 at every named point of a hedge, then a restart (RELIABILITY A): the oracle finds nothing wrong."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from propbot.crashpoints import CRASH_EXIT_CODE
from tests.engine.desk import LONG, SHORT, Desk, desk_running, desk_stopped, wait_until
from tests.engine.nursery import Nursery
from tests.engine.oracle import violations
from tests.engine.test_faults import on_order, seen
from trading.models import Hedge, Order
from trading.services.closing import closing_continue, hedge_close
from trading.services.execution import hedge_open
from trading.services.recovery import hedges_settle, recover, resolve_sweep


@dataclass
class Crash:
    """Runs traders that die at a crash point."""

    nursery: Nursery
    data_dir: Path

    def __call__(self, action: str, crash_at: str, *, epoch: int = 1) -> int:
        """The exit code of a trader that acts once: 0, or the crash point's."""
        log = self.data_dir / "child.log"
        job = {"action": action, "crash_at": crash_at, "epoch": epoch, "data_dir": str(self.data_dir), "log": str(log)}
        code = self.nursery.run(job, 90)
        assert code in (0, CRASH_EXIT_CODE), log.read_text(encoding="utf-8")[-6000:]
        return code


@pytest.fixture
def crash(nursery: Nursery, tmp_path: Path) -> Crash:
    return Crash(nursery, tmp_path)


def restart(desk: Desk, *, epoch: int) -> None:
    """The successor: HOLD, a higher token, and the recovery; then sweeps as its threads do, until all is settled."""
    desk_stopped(epoch=epoch)
    desk.runtime.epoch, desk.runtime.recovered = epoch, False
    recover(runtime=desk.runtime)

    def settled() -> bool:
        resolve_sweep(runtime=desk.runtime)
        hedges_settle(runtime=desk.runtime)
        closing_continue()
        return not Hedge.objects.filter(status__in=["opening", "unresolved", "closing"]).exists()

    assert wait_until(settled, 15)


def mutations(desk: Desk) -> int:
    return len(desk.simulator.accepted())


# Each case starts whole processes: the suite runs the sharpest, CHAOS=1 all of them.
ALL = bool(os.environ.get("CHAOS"))
NOTHING_SENT = ["post_journal", "pre_send", *(["pre_journal", "post_gate"] if ALL else [])]
ONE_LEG = ["post_response", "pre_send:2", *(["leg_a_filled", "post_gate:2"] if ALL else [])]
BOTH_LEGS = ["leg_b_sent", *(["pre_complete"] if ALL else [])]
FLATTEN_CRASHES = 2 if ALL else 1
RECOVERY = ["recovery_marked", *(["recovery_started", "recovery_resolved"] if ALL else [])]
QUOTES = ["quote_resting", *(["cancel_sent"] if ALL else [])]


@pytest.mark.parametrize("point", NOTHING_SENT)
def test_a1_to_a4_nothing_was_sent_and_nothing_is_sent_by_recovery(desk: Desk, crash: Crash, point: str) -> None:
    before = mutations(desk)
    assert crash("open", point) == CRASH_EXIT_CODE
    restart(desk, epoch=2)
    assert mutations(desk) == before
    assert desk.flat()
    assert not Hedge.objects.exclude(status="failed").exists()
    assert violations(seen(desk)) == []


@pytest.mark.parametrize("point", ONE_LEG)
def test_a5_to_a9_a_filled_first_leg_is_flattened_and_never_sent_twice(desk: Desk, crash: Crash, point: str) -> None:
    assert crash("open", point) == CRASH_EXIT_CODE
    assert not desk.flat()
    restart(desk, epoch=2)
    assert desk.flat()
    assert Hedge.objects.get().status == "failed"
    assert violations(seen(desk)) == []


@pytest.mark.parametrize("point", BOTH_LEGS)
def test_a10_a11_two_filled_legs_are_an_open_hedge_without_a_new_order(desk: Desk, crash: Crash, point: str) -> None:
    assert crash("open", point) == CRASH_EXIT_CODE
    before = mutations(desk)
    restart(desk, epoch=2)
    assert Hedge.objects.get().status == "open"
    assert mutations(desk) == before
    assert desk.net() == 0
    assert violations(seen(desk)) == []


def test_a7_an_unfilled_first_leg_ends_in_nothing(desk: Desk, crash: Crash) -> None:
    desk.simulator.fault(LONG, "reject", match=on_order(LONG))
    assert crash("open", "leg_a_ack") == CRASH_EXIT_CODE
    restart(desk, epoch=2)
    assert Hedge.objects.get().status == "failed"
    assert desk.flat()
    assert violations(seen(desk)) == []


def test_a8_a_partial_first_leg_leaves_nothing_unmatched(desk: Desk, crash: Crash) -> None:
    desk.simulator.fault(LONG, "partial", match=on_order(LONG), fraction="0.3")
    assert crash("open", "leg_b_sent") == CRASH_EXIT_CODE
    restart(desk, epoch=2)
    assert desk.net() == 0
    assert violations(seen(desk)) == []


def test_a12_a_second_flatten_never_passes_zero(desk: Desk, crash: Crash) -> None:
    desk.simulator.fault(SHORT, "reject", match=on_order(SHORT), times=3)
    assert crash("open", "flatten_sent") == CRASH_EXIT_CODE
    for epoch in range(2, 2 + FLATTEN_CRASHES):
        desk_stopped(epoch=epoch)
        crash("recover", "flatten_sent", epoch=epoch)
        assert desk.simulator.position(LONG, "BTCUSDT") >= 0
    restart(desk, epoch=9)
    assert desk.flat()
    assert violations(seen(desk)) == []


def test_a12_an_interrupted_exit_closes_flat(desk: Desk, crash: Crash) -> None:
    hedge_open(plan=desk.plan(), attempt=None)
    assert crash("close", "exit_sent") == CRASH_EXIT_CODE
    restart(desk, epoch=2)
    assert Hedge.objects.get().status == "closed"
    assert desk.flat()
    assert violations(seen(desk)) == []


@pytest.mark.parametrize("point", QUOTES)
def test_a13_a_resting_quote_is_canceled_by_the_successor(desk: Desk, crash: Crash, point: str) -> None:
    code = crash("quote", point)
    restart(desk, epoch=2)
    assert code in (0, CRASH_EXIT_CODE)
    assert not [o for o in desk.simulator.accepted() if o["status"] in ("open", "new", "live", "NEW")]
    assert desk.net() == 0
    assert violations(seen(desk)) == []


@pytest.mark.parametrize("point", RECOVERY)
def test_a14_a_crash_inside_the_recovery_is_recovered(desk: Desk, crash: Crash, point: str) -> None:
    assert crash("open", "post_response") == CRASH_EXIT_CODE
    desk_stopped(epoch=2)
    assert crash("recover", point, epoch=2) == CRASH_EXIT_CODE
    restart(desk, epoch=3)
    assert desk.flat()
    assert violations(seen(desk)) == []


def test_a15_an_older_trader_can_journal_nothing(desk: Desk) -> None:
    plan = desk.plan()
    desk_running(epoch=2)
    before = mutations(desk)
    with pytest.raises(Exception, match="another trader has taken over"):
        hedge_open(plan=plan, attempt=None)
    assert mutations(desk) == before
    assert not Order.objects.exists()


def test_a15_an_older_trader_cannot_reduce_either(desk: Desk) -> None:
    result = hedge_open(plan=desk.plan(), attempt=None)
    desk_running(epoch=2)
    before = mutations(desk)
    with pytest.raises(Exception, match="another trader has taken over"):
        hedge_close(hedge_id=result.hedge.pk, reason="operator")
    assert mutations(desk) == before
