"""The fault switches of the control side: what goes wrong, on which request, how often.

A request fault fires on the requests that its match selects (from the `nth` on, `times` times). A state fault
(clock_skew, stale_book, crossed_book, mute_stream) begins when it is posted and lasts `args.seconds`, or until
DELETE where that is missing. A stream fault (duplicate_event, reorder_events) fires on the next account events.
"""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

REQUEST_KINDS = frozenset(
    {
        "latency",
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
        "maintenance",
        "bad_number",
    }
)
STATE_KINDS = frozenset({"clock_skew", "stale_book", "crossed_book", "mute_stream"})
STREAM_KINDS = frozenset({"duplicate_event", "reorder_events"})
ACTION_KINDS = frozenset({"close_stream"})
KINDS = REQUEST_KINDS | STATE_KINDS | STREAM_KINDS | ACTION_KINDS
ORDER_KINDS = frozenset({"partial", "reject"})
LEG_LETTER = -3  # PropBot's client ids end in the leg's letter and two characters of the attempt


class FaultError(ValueError):
    """The fault asked for does not exist or is not complete."""


@dataclass(frozen=True)
class Request:
    """What a match looks at."""

    method: str
    path: str
    places_order: bool = False
    side: str = ""
    client_id: str = ""


@dataclass
class Fault:
    id: int
    venue: str
    kind: str
    match: dict[str, Any]
    args: dict[str, Any]
    times: int | None
    posted_ms: int
    seen: int = 0
    fired: int = 0

    def exhausted(self, now_ms: int) -> bool:
        until = self.until_ms
        return (self.times is not None and self.fired >= self.times) or (until is not None and now_ms >= until)

    @property
    def until_ms(self) -> int | None:
        """When the fault ends by itself; for query_lag `seconds` is the lag instead."""
        seconds = None if self.kind in ("query_lag", "latency") else self.args.get("seconds")
        return None if seconds is None else self.posted_ms + int(float(seconds) * 1000)

    def selects(self, request: Request) -> bool:
        wanted = str(self.match.get("method") or "").upper()
        if wanted and wanted != request.method:
            return False
        if str(self.match.get("path") or "") not in request.path:
            return False
        if self.kind in ORDER_KINDS and not request.places_order:
            return False
        if self.kind == "maintenance" and not self.match and "system/status" not in request.path:
            return False
        return self._selects_leg(request)

    def _selects_leg(self, request: Request) -> bool:
        leg = str(self.match.get("leg") or "").lower()
        if not leg:
            return True
        sides = {"long": "buy", "short": "sell", "buy": "buy", "sell": "sell"}
        if leg in sides:
            return request.side == sides[leg]
        return len(request.client_id) >= -LEG_LETTER and request.client_id[LEG_LETTER].lower() == leg

    def fires(self, request: Request) -> bool:
        """Counts the request; true when the fault applies to it."""
        if not self.selects(request):
            return False
        self.seen += 1
        if self.seen < int(self.match.get("nth") or 1):
            return False
        self.fired += 1
        return True

    @property
    def applied(self) -> bool:
        """Whether the request takes effect although its answer is spoiled."""
        return self.kind in ("apply_then_drop", "apply_then_5xx") or bool(self.args.get("applied", False))

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "venue": self.venue,
            "kind": self.kind,
            "match": self.match,
            "args": self.args,
            "times": self.times,
            "fired": self.fired,
            "label": "fault",
        }


@dataclass
class FaultBoard:
    """All faults posted since the last DELETE, spent ones included so that `fired` can be read."""

    faults: list[Fault] = field(default_factory=list)
    _number: int = 0

    def post(self, body: dict[str, Any], venues: tuple[str, ...], now_ms: int) -> Fault:
        kind, venue = body.get("kind"), body.get("venue")
        if kind not in KINDS:
            raise FaultError(f"unknown fault kind {kind!r}; kinds are {', '.join(sorted(KINDS))}")
        if venue not in venues:
            raise FaultError(f"unknown venue {venue!r}; venues are {', '.join(venues)}")
        match, args = body.get("match") or {}, body.get("args") or {}
        if not isinstance(match, dict) or not isinstance(args, dict):
            raise FaultError("match and args are objects")
        times = body.get("times", 1)
        self._check(str(kind), args, times)
        self._number += 1
        fault = Fault(self._number, str(venue), str(kind), match, args, None if times is None else int(times), now_ms)
        if fault.kind in STATE_KINDS | ACTION_KINDS:
            fault.fired = 1
        self.faults.append(fault)
        return fault

    @staticmethod
    def _check(kind: str, args: dict[str, Any], times: object) -> None:
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise FaultError("times is a positive number, or null for every time")
        for name in ("seconds", "ms", "bps", "fraction", "status"):
            try:
                if name in args and not Decimal(str(args[name])).is_finite():
                    raise FaultError(f"args.{name} is not finite")
            except InvalidOperation as error:
                raise FaultError(f"args.{name} is not a number") from error
        if kind == "venue_error" and "code" not in args:
            raise FaultError("venue_error needs args.code")

    def clear(self) -> None:
        self.faults.clear()

    def firing(self, venue: str, request: Request, now_ms: int) -> list[Fault]:
        """The request faults that apply to this request, in the order in which they were posted."""
        if not self.faults:
            return []
        live = (
            one for one in self.faults if one.venue == venue and one.kind in REQUEST_KINDS and not one.exhausted(now_ms)
        )
        return [one for one in live if one.fires(request)]

    def state(self, venue: str, kind: str, now_ms: int) -> Fault | None:
        """The latest state fault of this kind that still lasts."""
        if not self.faults:
            return None
        chosen = (one for one in reversed(self.faults) if (one.venue, one.kind) == (venue, kind))
        return next((one for one in chosen if one.until_ms is None or now_ms < one.until_ms), None)

    def stream(self, venue: str, kind: str) -> bool:
        """Spends one firing of a stream fault, if there is one."""
        for one in self.faults:
            if (one.venue, one.kind) == (venue, kind) and (one.times is None or one.fired < one.times):
                one.fired += 1
                return True
        return False
