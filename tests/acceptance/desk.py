"""A running desk as its users meet it: over HTTP, with the demo people, and the simulator's control side."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
POLL_SECONDS = 0.25
# Two to three dislocations a minute instead of one: the same market, less waiting.
LIVELY = {"SIMULATOR_OPTIONS": "--dislocate-every 25"}
T = TypeVar("T")


def free_port_block() -> int:
    """Ten free ports in a row: a desk uses PORT to PORT+9. Two runs of the suite begin at different places."""
    first = os.getpid() % 900
    for block in (*range(first, 900), *range(first)):
        port = 21000 + 10 * block
        if all(_is_free(port + offset) for offset in range(10)):
            return port
    raise RuntimeError("no ten free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_for(what: str, read: Callable[[], T], holds: Callable[[T], bool], seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if holds(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last: {str(value)[:600]}")
        Event().wait(POLL_SECONDS)


def process_ids(parent: int, *words: str) -> list[int]:
    """The descendants of ``parent`` whose command line holds every word, from /proc."""
    found, waiting = [], [parent]
    while waiting:
        current = waiting.pop()
        for thread in Path(f"/proc/{current}/task").glob("*/children"):
            waiting += [int(child) for child in thread.read_text().split()]
        line = Path(f"/proc/{current}/cmdline").read_bytes().decode(errors="replace")
        if all(word in line for word in words):
            found.append(current)
    return found


@dataclass
class Desk:
    base_url: str
    data_dir: Path
    process: subprocess.Popen[bytes] | None = None
    accounts: dict[str, Any] = field(default_factory=dict)

    def load_accounts(self) -> None:
        self.accounts = json.loads((self.data_dir / "demo-accounts.json").read_text())

    def call(self, method: str, path: str, who: str | None, body: Any = None, **headers: str) -> httpx.Response:
        if who is not None:
            headers["Authorization"] = f"Bearer {self.accounts['people'][who]['token']}"
        return httpx.request(method, self.base_url + path, json=body, headers=headers, timeout=30)

    def get(self, path: str, who: str = "alice") -> Any:
        answer = self.call("GET", path, who)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json()

    def post(self, path: str, who: str, body: Any = None, expect: int = 200) -> Any:
        answer = self.call("POST", path, who, body or {})
        assert answer.status_code == expect, f"POST {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json()

    def patch(self, path: str, who: str, body: Any, expect: int = 200) -> Any:
        answer = self.call("PATCH", path, who, body)
        assert answer.status_code == expect, f"PATCH {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json()

    def overview(self) -> Any:
        return self.get("/api/ui/status/overview")

    def simulator(self, path: str) -> Any:
        return httpx.get(self.accounts["simulator_url"] + path, timeout=10).json()

    def simulator_post(self, path: str, body: Any) -> Any:
        answer = httpx.post(self.accounts["simulator_url"] + path, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def approve(self, request_id: Any, who: str) -> Any:
        token = self.accounts["approve_token"]
        return self.post(f"/api/ui/approvals/{request_id}/approve", who, {"token": token})

    def loosen(self, change: dict[str, Any], *, asked_by: str = "alice", approved_by: str = "bob") -> None:
        pending = self.patch("/api/ui/control", asked_by, {**change, "reason": "acceptance"}, expect=202)
        self.approve(pending["request_id"], approved_by)

    def clear_hold(self) -> None:
        self.post("/api/ui/resume-request", "alice", {"reason": "acceptance"})
        self.post("/api/ui/resume-confirm", "bob", {"token": self.accounts["approve_token"]})

    def start_trading(self) -> None:
        """Every step of SPEC 4 from a HOLD to RUN; dry run stays as it is."""
        self.clear_hold()
        self.loosen({"safe_mode": False})
        self.post("/api/ui/resume", "alice")

    def wallets(self) -> dict[str, Decimal]:
        rows = self.simulator("/control/balances")["balances"]
        return {row["venue"]: Decimal(str(row["wallet"])) for row in rows}

    def venue_positions(self, symbol: str) -> dict[str, Decimal]:
        """Signed base quantity at the simulator, by venue."""
        rows = self.simulator("/control/positions")["positions"]
        found = {"binance-um": Decimal(0), "okx-perp": Decimal(0)}
        for row in rows:
            if row["symbol"] == symbol:
                found[row["venue"]] += Decimal(str(row["quantity"]))
        return found

    def healthy(self) -> bool:
        try:
            return httpx.get(self.base_url + "/healthz", timeout=5).json() == {"ok": True}
        except (httpx.HTTPError, ValueError):
            return False

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def wait_until_healthy(self) -> None:
        wait_for("/healthz is ok", self.healthy, lambda ok: ok or self.has_ended(), START_SECONDS)
        assert not self.has_ended(), f"the desk ended by itself; see {self.data_dir}.log"
        self.load_accounts()


def start_desk(data_dir: Path, port: int, **extra: str) -> Desk:
    """One desk under its supervisor, as ``make run`` starts it."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ |= {"PORT": str(port), "DATA_DIR": str(data_dir), "API_RATE_PER_MIN": "6000", "API_BURST": "600", **extra}
    with (data_dir.parent / f"{data_dir.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "propbot.supervisor"], cwd=ROOT, env=environ, stdout=log, stderr=log
        )
    desk = Desk(f"http://127.0.0.1:{port}", data_dir, process)
    try:
        desk.wait_until_healthy()
    except AssertionError:
        stop_desk(desk)
        raise
    return desk


def stop_desk(desk: Desk) -> None:
    if desk.process is not None and desk.process.poll() is None:
        desk.process.send_signal(signal.SIGTERM)
        desk.process.wait(60)


@contextmanager
def running_desk(data_dir: Path, port: int, **extra: str) -> Iterator[Desk]:
    desk = start_desk(data_dir, port, **extra)
    try:
        yield desk
    finally:
        stop_desk(desk)
