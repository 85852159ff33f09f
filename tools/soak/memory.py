"""What the kernel says of a desk's processes: who is who, and how much memory each holds."""

import threading
import time
from pathlib import Path

from tools.soak.drift import Sample

SERVICES = {"postgres": "postgres", "valkey-server": "valkey"}
EVERY_SECONDS = 5.0
MIB = 1024.0


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return found


def tree_of(pid: int) -> list[int]:
    """``pid`` and all its descendants."""
    return [pid, *(one for child in children_of(pid) for one in tree_of(child))]


def role_of(pid: int) -> str | None:
    """What a child of the supervisor is; None for one that is ending, or that only prepares."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        # Not the command line: both services write their own titles there.
        program = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return None
    named = next((pair.removeprefix("PROCESS=") for pair in environ if pair.startswith("PROCESS=")), "")
    return named or SERVICES.get(program)


def roles(supervisor: int) -> dict[str, int]:
    """The living processes of a desk by name."""
    found = {role_of(pid): pid for pid in children_of(supervisor)}
    return {role: pid for role, pid in found.items() if role}


def _megabytes(pid: int) -> tuple[float, float]:
    """Resident and private anonymous memory of one process; nothing of one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kib = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return tuple(float(kib[name][0]) / MIB if name in kib else 0.0 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


def look(supervisor: int, at_seconds: float) -> list[Sample]:
    samples = []
    for role, pid in roles(supervisor).items():
        parts = [_megabytes(one) for one in tree_of(pid)]
        rss, private = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if rss:
            samples.append(Sample(role, pid, at_seconds, rss, private))
    return samples


class Scales(threading.Thread):
    """Weighs every process of a desk until told to stop."""

    def __init__(self, supervisor: int) -> None:
        super().__init__(name="scales", daemon=True)
        self.supervisor = supervisor
        self.samples: list[Sample] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            self.samples += look(self.supervisor, time.monotonic())

    def stop(self) -> None:
        self._ended.set()
        self.join(30)
