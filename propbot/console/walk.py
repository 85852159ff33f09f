"""The walk of one hedge by two operators over HTTP, one line of explanation per step."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from propbot.console.desk_client import DeskClient, DeskError

POLL_SECONDS = 0.5
OPPORTUNITY_SECONDS = 180
CLOSE_SECONDS = 180
CENT = Decimal("0.01")
# What makes an opportunity pass: the price moved on, a quote grew old, a round is still missing. Worth another try.
PASSING = frozenset(
    {"spread_below_threshold", "stale_quote", "reconciling", "venue_unavailable", "blocked", "attempt_expired"}
)
Found = TypeVar("Found")


class WalkError(Exception):
    """A step did not do what it must; the text says which and what was seen."""


@dataclass
class Walk:
    """Both operators, the simulator, and where the story is told."""

    accounts: Mapping[str, Any]
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        people = self.accounts["people"]
        base_url = self.accounts["base_url"]
        self.alice = DeskClient(base_url, people["alice"]["token"])
        self.bob = DeskClient(base_url, people["bob"]["token"])
        self.step = 0

    # --- telling ------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self.step += 1
        self.tell(f"{self.step:2}. {text}")

    def note(self, text: str) -> None:
        self.tell(f"    {text}")

    # --- small questions ----------------------------------------------------------------------

    def simulator(self, path: str) -> Any:
        try:
            return httpx.get(self.accounts["simulator_url"] + path, timeout=10).json()
        except httpx.HTTPError as error:
            raise WalkError(f"the simulator does not answer: {error.__class__.__name__}") from error

    def wallet(self) -> Decimal:
        return sum((Decimal(str(row["wallet"])) for row in self.simulator("/control/balances")["balances"]), Decimal(0))

    def held_at_venues(self, symbol: str) -> dict[str, Decimal]:
        rows = self.simulator("/control/positions")["positions"]
        return {row["venue"]: Decimal(str(row["quantity"])) for row in rows if row["symbol"] == symbol}

    def overview(self) -> Any:
        return self.alice.get("/api/ui/status/overview")

    def approve_as_bob(self, request_id: str) -> None:
        self.bob.post(f"/api/ui/approvals/{request_id}/approve", {"token": self.accounts["approve_token"]})

    def wait(self, what: str, read: Callable[[], Found | None], seconds: float) -> Found | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = read()
            if found is not None:
                return found
            time.sleep(POLL_SECONDS)
        self.note(f"not within {seconds:.0f} s: {what}")
        return None

    # --- the steps ----------------------------------------------------------------------------

    def run(self) -> None:
        self.stop()
        self.resume_with_two()
        self.safe_mode_off()
        self.trade_simulated()
        self.dry_run_off()
        self.trade_real()

    def stop(self) -> None:
        answer = self.alice.post("/api/ui/hold", {"reason": "walkthrough"})
        self.say("alice stops the desk, alone and at once: POST /api/ui/hold")
        self.note(f"HOLD #{answer['hold_id']} stands, orders on the wire: {len(answer['in_flight'] or [])}")

    def resume_with_two(self) -> None:
        self.alice.post("/api/ui/resume-request", {"reason": "walkthrough: everything was checked"})
        self.say("alice asks to resume, with a reason: POST /api/ui/resume-request")
        self.say("alice tries to confirm her own request, with the right token")
        self.expect_refusal(lambda: self.confirm(self.alice), 403)
        self.say("bob tries to confirm with a wrong token")
        self.expect_refusal(lambda: self.bob.post("/api/ui/resume-confirm", {"token": "wrong"}), 401)
        answer = self.confirm(self.bob)
        self.say("bob confirms with the APPROVE_TOKEN: POST /api/ui/resume-confirm")
        self.note(f"HOLD is cleared: {answer['hold_cleared']}")

    def confirm(self, who: DeskClient) -> Any:
        return who.post("/api/ui/resume-confirm", {"token": self.accounts["approve_token"]})

    def expect_refusal(self, act: Callable[[], Any], status: int) -> None:
        try:
            act()
        except DeskError as refused:
            if refused.status != status:
                raise WalkError(f"expected {status}, the desk answered {refused}") from refused
            self.note(f"refused with {refused.status} {refused.code}: {refused.message}")
            return
        raise WalkError(f"the desk did what it must refuse with {status}")

    def loosen(self, change: dict[str, Any], sentence: str) -> None:
        asked = self.alice.patch("/api/ui/control", {**change, "reason": "walkthrough"})
        if asked.get("request_id") is None:
            self.say(f"{sentence}: it already stands so")
            return
        self.approve_as_bob(asked["request_id"])
        self.say(f"{sentence}: alice asks, bob approves what he saw")

    def safe_mode_off(self) -> None:
        self.loosen({"safe_mode": False}, "SAFE_MODE comes off")
        if self.overview()["dry_run_mode"] is False:
            self.alice.patch("/api/ui/control", {"dry_run_mode": True, "reason": "walkthrough"})
            self.say("dry run goes on again for the first hedge: one operator may always tighten")
        mode = self.alice.post("/api/ui/resume", {"reason": "walkthrough"})["mode"]
        self.say(f"alice sets the desk running: mode is {mode}")

    def dry_run_off(self) -> None:
        self.loosen({"dry_run_mode": False}, "dry run comes off: from now on orders are real at the simulator")

    def opportunity(self) -> dict[str, Any] | None:
        answer = self.alice.get("/api/arb/opportunity")
        return dict(answer["opportunity"]) if answer["status"] == "allowed" and answer["opportunity"] else None

    def execute_best(self) -> dict[str, Any]:
        """Wait for an allowed opportunity and take it; an edge that is gone again is waited for once more."""
        deadline = time.monotonic() + OPPORTUNITY_SECONDS
        self.note("waiting for the scanner's next allowed opportunity (the market dislocates about every minute)")
        while time.monotonic() < deadline:
            found = self.wait("an allowed opportunity", self.opportunity, deadline - time.monotonic())
            if found is None:
                break
            answer = self.try_execute(found)
            if answer is not None:
                self.describe(found)
                return answer
            time.sleep(POLL_SECONDS)
        raise WalkError(f"no opportunity could be taken within {OPPORTUNITY_SECONDS} s")

    def describe(self, found: dict[str, Any]) -> None:
        edge = f"{_short(found['spread_bps'])} bps of spread, {_short(found['net_edge_bps'])} bps after all costs"
        self.note(f"{found['symbol']}: buy on {found['long_venue']}, sell on {found['short_venue']}: {edge}")

    def try_execute(self, found: dict[str, Any]) -> dict[str, Any] | None:
        body = {
            "symbol": found["symbol"],
            "min_spread_bps": "0",
            "notion_usdt": found["notional_suggestion"],
            "leverage": found["leverage_suggestion"],
            "reason": "walkthrough",
        }
        try:
            answer = self.alice.post("/api/arb/execute", body)
        except DeskError as refused:
            if refused.code in PASSING:
                return None
            raise
        return dict(answer) if answer.get("success") is True else None

    def show_legs(self, answer: dict[str, Any]) -> None:
        for leg in answer["legs"]:
            self.note(
                f"{leg['side']:5} {_short(leg['base_size'], 8)} on {leg['venue']} at {_short(leg['avg_price'], 4)}"
            )
        sizes = {Decimal(str(leg["base_size"])) for leg in answer["legs"]}
        if len(sizes) != 1:
            raise WalkError(f"the legs are unequal: {sizes}")
        self.note("both legs hold the same base quantity: delta neutral")

    def trade_simulated(self) -> None:
        before = len(self.simulator("/control/orders")["orders"])
        answer = self.execute_best()
        self.say("in dry run the desk opens a hedge on paper: POST /api/arb/execute")
        self.show_legs(answer)
        sent = len(self.simulator("/control/orders")["orders"]) - before
        if answer["simulated"] is not True or sent:
            raise WalkError(f"simulated is {answer['simulated']}, and the venues saw {sent} orders")
        self.note("marked SIMULATED, and no order reached a venue")

    def trade_real(self) -> None:
        wallet = self.wallet()
        answer = self.execute_best()
        position = answer["position"]
        self.say(f"alice opens a real hedge at the simulator: {position['id']}")
        self.show_legs(answer)
        if answer["simulated"] is not False:
            raise WalkError("the hedge is simulated although dry run is off")
        self.compare_positions(position["symbol"])
        closed = self.until_closed(position["id"])
        self.compare_money(closed, wallet)

    def compare_positions(self, symbol: str) -> None:
        held = self.held_at_venues(symbol)
        self.say("what the simulator's own accounts hold now")
        self.note(", ".join(f"{venue} {_short(quantity, 8)} {symbol}" for venue, quantity in sorted(held.items())))
        if sum(held.values()) != 0:
            raise WalkError(f"the venues do not net to zero: {held}")

    def position(self, hedge_id: str) -> dict[str, Any] | None:
        """The hedge once it is closed."""
        rows = self.alice.get("/api/ui/positions", status="closed", limit=50)["positions"]
        return next((dict(row) for row in rows if row["id"] == hedge_id), None)

    def until_closed(self, hedge_id: str) -> dict[str, Any]:
        self.say("now the desk watches the spread and closes the hedge by itself when it has converged")
        closed = self.wait("the hedge closing by itself", lambda: self.position(hedge_id), CLOSE_SECONDS)
        if closed is None:
            self.say("it did not converge in time: alice closes it by hand, reduce-only")
            self.alice.post(f"/api/ui/positions/{hedge_id}/close", {"reason": "walkthrough"})
            closed = self.wait("the hedge closing by hand", lambda: self.position(hedge_id), 60)
        if closed is None:
            raise WalkError("the hedge is still open")
        self.note(f"closed: {str(closed.get('close_reason') or '').replace('_', ' ')}")
        return closed

    def compare_money(self, closed: dict[str, Any], wallet_before: Decimal) -> None:
        realized, moved = Decimal(str(closed["realized_pnl_usdt"])), self.wallet() - wallet_before
        self.say("realized PnL from PropBot's ledger against what the simulator's balances moved by")
        self.note(f"PropBot {realized:+.6f} USDT, the venues {moved:+.6f} USDT, fees and funding included")
        if abs(realized - moved) >= CENT:
            raise WalkError("they differ by a cent or more; did another hedge trade meanwhile (auto-hedge)?")
        self.note("equal to the cent")


def _short(value: object, places: int = 2) -> str:
    return f"{Decimal(str(value)):.{places}f}".rstrip("0").rstrip(".") if value is not None else "no data"
