"""From what a soak saw to the figures of its report."""

import statistics
from collections.abc import Iterable

from tools.reports import Result, exactly, measured
from tools.soak.drift import Drift
from tools.soak.rounds import Tale

# A process of 250 MiB stays within the 768 MiB of its container for a day at this rate; it is restarted more often.
DRIFT_MIB_PER_HOUR = 20.0
HOUR_MINUTES = 60.0
BACK_TARGET_SECONDS = 90.0
RESTART_TARGET_SECONDS = 60.0


def weight_results(drifts: Iterable[Drift]) -> list[Result]:
    """One slope a role; a role that never lived long enough between its deaths has none."""
    rows: list[Result] = []
    for one in drifts:
        rows.append(measured(f"{one.role}: largest resident memory", one.peak_rss_mib, "MiB"))
        name = f"{one.role}: drift of private memory, {one.minutes:.0f} warm minutes in {one.processes} processes"
        if one.known:
            ok = one.mib_per_hour <= DRIFT_MIB_PER_HOUR
            rows.append(Result(name, round(one.mib_per_hour, 2), "MiB/h", f"<= {DRIFT_MIB_PER_HOUR:g}", ok))
        else:
            rows.append(Result(name, "too short", "MiB/h"))
    return rows


def results(tale: Tale, drifts: Iterable[Drift], *, minutes: float) -> list[Result]:
    back = [seconds for times in tale.back_seconds.values() for seconds in times]
    rows = [
        Result("minutes", round(minutes, 1), "min", f">= {HOUR_MINUTES:g}", minutes >= HOUR_MINUTES),
        measured("faults that struck", len(tale.struck), "faults"),
        measured("kinds of fault", len(tale.back_seconds), "kinds"),
        exactly("rounds in which the desk did not trade", len(tale.struck) - tale.trading_rounds, "", 0),
        measured("orders that reached the venues", tale.orders, "orders"),
        *(measured(name, count, unit) for name, (count, unit) in tale.counted.items()),
        measured("hedges that an operator opened by hand, beside auto-hedge", tale.by_hand, "hedges"),
        exactly("violations", len(tale.violations), "", 0),
        *(
            Result(f"violation at {one.at}, after {one.fault}", one.sentence, "", "none", ok=False)
            for one in tale.violations
        ),
        measured("from a fault to health, median", statistics.median(back) if back else 0.0, "s"),
        *(
            measured(f"from a fault to health, at most: {name}", max(times), "s")
            for name, times in sorted(tale.back_seconds.items())
        ),
    ]
    return [*rows, *weight_results(drifts)]
