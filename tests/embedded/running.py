"""A desk started as ``make run`` starts it, and what the kernel knows of its processes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.desk import Desk, free_port_block, wait_for
from tests.house.source import ROOT

START_SECONDS = 150
END_SECONDS = 15
CANARY = "exchange-key-for-the-trader-alone"


@contextmanager
def open_place() -> Iterator[Path]:
    """A directory that PostgreSQL's own user reaches: pytest closes its temporary one whenever a session begins."""
    place = Path(tempfile.mkdtemp(prefix="propbot-place-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def processes_of(data_dir: Path) -> dict[int, str]:
    """Command lines by pid of everything that names the data directory in its command or environment."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environ = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if command and (str(data_dir) in command or f"DATA_DIR={data_dir}\0" in environ):
            found[int(entry.name)] = command
    return found


def environment_of(pid: int) -> dict[str, str]:
    """Empty when it has ended meanwhile."""
    try:
        pairs = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def listening_ports(pids: list[int]) -> set[int]:
    """TCP ports that these processes listen on."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes}


@dataclass
class RunningDesk:
    port: int
    data_dir: Path
    output: Path
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> Desk:
        desk = Desk(f"http://127.0.0.1:{self.port}", self.data_dir)
        if (self.data_dir / "demo-accounts.json").exists():
            desk.load_accounts()
        return desk

    def wait_healthy(self) -> None:
        def ended_or_healthy() -> Any:
            assert self.process.poll() is None, self.output.read_text()
            return self.api.healthy()

        wait_for("healthz", ended_or_healthy, bool, START_SECONDS)

    def wait_gone(self) -> None:
        wait_for("every process ended", lambda: processes_of(self.data_dir), lambda found: not found, END_SECONDS)

    def kill_all(self) -> None:
        for pid in processes_of(self.data_dir):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


def start(data_dir: Path, port: int, *command: str, **variables: str) -> RunningDesk:
    """Start without waiting; ``command`` defaults to the supervisor itself."""
    dropped = ("DATABASE_URL", "REDIS_URL", "PROFILE", "APPROVE_TOKEN", "SECRET_KEY", "AUDIT_HMAC_KEY")
    dropped += ("AUDIT_SIGNING_KEY", "SECRETS_ENC_KEY")
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    environ |= {"DATA_DIR": str(data_dir), "PORT": str(port), **variables}
    output = data_dir.parent / f"{data_dir.name}.out"
    with output.open("ab") as file:
        process = subprocess.Popen(
            command or (sys.executable, "-m", "propbot.supervisor"),
            cwd=ROOT,
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return RunningDesk(port, data_dir, output, process)


def fresh_port() -> int:
    return free_port_block()
