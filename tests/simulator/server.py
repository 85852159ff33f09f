"""A real simulator in a process of its own, for any test that needs venues to talk to.

with running_simulator(seed=7, dislocate_every=0) as simulator:
    config = simulator.ccxt("binance-um")
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PROPBOT_SHARED") or ROOT.parent / "shared")
WITHOUT_SHARED = f"the recordings are not committed and there are none at {SHARED} (PROPBOT_SHARED)"


@dataclass
class SimulatorHandle:
    url: str
    data_dir: Path
    process: "subprocess.Popen[str]"

    def control(self, method: str, path: str, body: object = None) -> Any:
        """One call of the control side; the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())

    def ccxt(self, venue: str) -> dict[str, Any]:
        """The constructor dictionary of an unmodified ccxt."""
        config: dict[str, Any] = self.control("GET", "/control/ccxt")[venue]["config"]
        return config

    def fault(
        self, venue: str, kind: str, match: dict[str, Any] | None = None, times: int | None = 1, **args: Any
    ) -> Any:
        body = {"venue": venue, "kind": kind, "match": match or {}, "args": args, "times": times}
        return self.control("POST", "/control/faults", body)

    def rows(self, what: str, venue: str) -> list[dict[str, Any]]:
        """The rows of /control/<what> that belong to one venue."""
        return [row for row in self.control("GET", f"/control/{what}")[what] if row["venue"] == venue]

    def kill(self) -> None:
        """As `kill -9`: nothing is flushed, nothing is closed."""
        self.process.send_signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def flags(options: dict[str, Any]) -> list[str]:
    """speed=5, fresh=True become --speed 5 --fresh."""
    words: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [] if value in (None, False) else [flag, str(value)]
    return words


def start_simulator(data_dir: Path, **options: Any) -> SimulatorHandle:
    """Starts the subprocess and returns when it listens; it prints its address first."""
    command = [
        sys.executable,
        "-m",
        "trading.simulator",
        "--port",
        str(options.pop("port", 0)),
        "--data-dir",
        str(data_dir),
    ]
    process = subprocess.Popen(command + flags(options), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if "listening on " not in line:
        process.kill()
        process.stdout.close()
        raise RuntimeError(f"the simulator did not start: {line!r}, exit code {process.wait(timeout=10)}")
    return SimulatorHandle(line.split("listening on ")[1].strip(), data_dir, process)


@contextmanager
def running_simulator(data_dir: Path | None = None, **options: Any) -> Iterator[SimulatorHandle]:
    """A simulator on a free port; its data directory is removed unless one is given."""
    own = data_dir is None
    folder = data_dir or Path(tempfile.mkdtemp(prefix="propbot-simulator-"))
    handle = start_simulator(folder, **options)
    try:
        yield handle
    finally:
        handle.stop()
        if own:
            shutil.rmtree(folder, ignore_errors=True)
