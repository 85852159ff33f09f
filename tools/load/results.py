"""From what was counted to the figures of the report."""

import math
from collections.abc import Mapping
from typing import Any

from tools.load.figures import Answers, percentile
from tools.reports import Result, at_most, exactly, measured

REQUESTS_PER_SECOND = 100.0
STATUS_P99_MS = 300.0
HOLD_P99_MS = 100.0
# Requests leave on time, but the last ones are answered after the last second.
SHORTFALL = 0.99


def at_least(name: str, value: float, unit: str, bound: float) -> Result:
    return Result(name, round(value, 4), unit, f">= {bound:g}", value >= bound)


def _bounded(name: str, value: float, bound: float) -> Result:
    """Nothing measured is not met; NaN is no JSON."""
    return (
        Result(name, "no data", "ms", f"<= {bound:g}", ok=False)
        if math.isnan(value)
        else at_most(name, value, "ms", bound)
    )


def status_results(answers: Answers, *, rate: float) -> list[Result]:
    return [
        at_least("status API: answers a second", answers.rate, "1/s", rate * SHORTFALL),
        _bounded("status API: p99, from the moment a request was due", percentile(answers.took_ms, 99), STATUS_P99_MS),
        measured("status API: median", percentile(answers.took_ms, 50) if answers.took_ms else -1, "ms"),
        exactly("status API: refused or failed", answers.bad, "", 0),
    ]


def hold_results(answers: Answers) -> list[Result]:
    label = f"HOLD meanwhile, {len(answers.took_ms)} times"
    return [
        _bounded(f"{label}, p99", percentile(answers.took_ms, 99), HOLD_P99_MS),
        measured(f"{label}, median", percentile(answers.took_ms, 50) if answers.took_ms else -1, "ms"),
        exactly("HOLD or its release refused or failed", answers.bad, "", 0),
    ]


def feed_results(heard: Mapping[str, Any], *, listeners: int) -> list[Result]:
    return [
        at_least("listeners of the feed, by token", heard["listeners"], "listeners", listeners),
        measured("feed: messages heard", heard["messages"], "messages"),
        measured("feed: links cut on purpose and taken up again", heard["resyncs"], "links"),
        exactly("feed: gaps after a snapshot", heard["gaps"], "", 0),
        exactly("feed: links that ended unasked (gap, silence, closed)", heard["lost"], "", 0),
        exactly("feed: listeners that do not say the last change once all is quiet", heard["behind"], "", 0),
    ]


def quote_results(rates: Mapping[str, float], *, wanted: float, share: float = 0.95) -> list[Result]:
    """The recording is replayed in steps of a tenth of a second, hence the share."""
    return [
        at_least("quotes taken in, twice the recorded peak wanted", sum(rates.values()), "1/s", wanted * share),
        *(measured(f"quotes taken in of {venue}", rate, "1/s") for venue, rate in sorted(rates.items())),
    ]
