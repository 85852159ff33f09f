"""One supervised process: started, watched, restarted with backoff, stopped in time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
FIRST_DELAY_SECONDS = 0.5
LAST_DELAY_SECONDS = 15.0
STEADY_SECONDS = 30.0
LOG_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True)
class ChildSpec:
    """``death_signal`` is what the kernel sends when the supervisor is gone; ``nice`` as of setpriority(2)."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    owner: tuple[int, int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    stop_seconds: float = 10.0
    nice: int = 0


def spawn(spec: ChildSpec) -> subprocess.Popen[bytes]:
    """Must be called by the main thread: the death signal follows the thread that made the child."""
    owner = "-" if spec.owner is None else "{}:{}".format(*spec.owner)
    launcher = (
        sys.executable,
        "-I",
        "-S",
        str(LAUNCH),
        str(os.getpid()),
        spec.death_signal.name,
        owner,
        str(spec.nice),
    )
    with spec.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the commands are the supervisor's own
            (*launcher, *spec.command),
            env=dict(spec.env),
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def tail(log: Path, lines: int = 12) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


@dataclass
class Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY_SECONDS
    due: float | None = None
    restarts: int = field(default=0)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.process = spawn(self.spec)
        self.started = time.monotonic()
        self.due = None

    def collect_death(self) -> int | None:
        """The pid of a process that ended since the last look, once; schedules its restart."""
        if self.process is None or self.due is not None or self.process.poll() is None:
            return None
        if time.monotonic() - self.started > STEADY_SECONDS:
            self.delay = FIRST_DELAY_SECONDS
        self.due = time.monotonic() + self.delay
        self.delay = min(self.delay * 2, LAST_DELAY_SECONDS)
        return self.process.pid

    def restart_when_due(self) -> bool:
        if self.due is None or time.monotonic() < self.due:
            return False
        self.restarts += 1
        self.start()
        return True

    def ask_to_stop(self) -> None:
        self.due = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.spec.stop_signal)

    def kill(self) -> None:
        """End it and everything it started at once; it is started again like one that died."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait_stopped(self, deadline: float) -> bool:
        """True when it ended by itself; what overstays the deadline is killed with its whole group."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout=max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
            return False
        return True

    def trim_log(self) -> None:
        """Keep one older part; the process appends, so truncating in place is safe."""
        log = self.spec.log
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)


def stop_together(children: list[Child]) -> list[str]:
    """Ask all, then wait for all; the names of those that had to be killed."""
    for child in children:
        child.ask_to_stop()
    now = time.monotonic()
    return [child.spec.name for child in children if not child.wait_stopped(now + child.spec.stop_seconds)]
