"""Two operators at their work, over the API alone: they start the desk, trade, stop it and bring it back."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any

import httpx

from propbot.console.desk_client import DeskClient, DeskError

POLL_SECONDS = 0.5
SIMULATOR_SECONDS = 10.0
NOTIONAL_USDT = "300"


class PatienceError(Exception):
    """Something that had to come did not come in time; the text says what was last seen."""


class Operators:
    def __init__(self, accounts: Mapping[str, Any]) -> None:
        self.accounts = accounts
        people, base_url = accounts["people"], str(accounts["base_url"])
        self.alice = DeskClient(base_url, people["alice"]["token"])
        self.bob = DeskClient(base_url, people["bob"]["token"])

    def close(self) -> None:
        self.alice.close()
        self.bob.close()

    # -- the simulator's control side

    def simulator(self, path: str, method: str = "GET", body: Any = None) -> Any:
        url = str(self.accounts["simulator_url"]) + path
        answer = httpx.request(method, url, json=body, timeout=SIMULATOR_SECONDS)
        answer.raise_for_status()
        return answer.json()

    # -- stopping and starting

    def overview(self) -> Any:
        return self.alice.get("/api/ui/status/overview")

    def hold(self) -> None:
        self.bob.post("/api/ui/hold", {"reason": "soak"})

    def approve(self, request_id: Any) -> None:
        self.bob.post(f"/api/ui/approvals/{request_id}/approve", {"token": self.accounts["approve_token"]})

    def loosen(self, change: Mapping[str, Any]) -> None:
        asked = self.alice.patch("/api/ui/control", {**change, "reason": "soak"})
        if asked.get("request_id") is not None:
            self.approve(asked["request_id"])

    def step_towards_run(self) -> bool:
        """The next step of SPEC 4; True when the desk runs."""
        view = self.overview()
        if view["hold_active"]:
            self.alice.post("/api/ui/resume-request", {"reason": "soak: looked at, understood"})
            self.bob.post("/api/ui/resume-confirm", {"token": self.accounts["approve_token"]})
        elif view["safe_mode"]:
            self.loosen({"safe_mode": False})
        elif view["dry_run_mode"]:
            self.loosen({"dry_run_mode": False})
        elif view["mode"] != "RUN":
            self.alice.post("/api/ui/resume", {"reason": "soak"})
        else:
            return True
        return False

    def bring_to_run(self, seconds: float) -> None:
        """Both operators, again and again, until the desk runs: a refusal is a reason to look and ask again."""
        until, last = time.monotonic() + seconds, "nothing"
        while time.monotonic() < until:
            try:
                if self.step_towards_run():
                    return
            except DeskError as error:
                last = str(error)
                time.sleep(POLL_SECONDS)
        raise PatienceError(f"the desk does not run after {seconds:g} s; last: {last[:300]}")

    # -- trading by hand, beside auto-hedge

    def open_best(self) -> bool:
        """Alice takes what the scanner offers; an edge that is gone is nobody's fault."""
        try:
            found = self.alice.get("/api/arb/opportunity")
            if found["status"] != "allowed" or not found["opportunity"]:
                return False
            wanted = {"symbol": found["opportunity"]["symbol"], "min_spread_bps": "1", "notion_usdt": NOTIONAL_USDT}
            answer = self.alice.post("/api/arb/execute", {**wanted, "leverage": "1", "reason": "soak"})
        except DeskError:
            return False
        return answer.get("success") is True

    def close_one(self, chance: Random) -> bool:
        """Bob closes an open hedge, reduce-only."""
        try:
            held = [row for row in self.bob.get("/api/ui/positions")["positions"] if row["status"] == "open"]
            if not held:
                return False
            self.bob.post(f"/api/ui/positions/{chance.choice(held)['id']}/close", {"reason": "soak"})
        except DeskError:
            return False
        return True
