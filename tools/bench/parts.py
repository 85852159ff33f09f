"""Running the parts that want Django in a process of their own, and reading what a desk's processes weigh."""

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from tests.simulator.server import running_simulator
from tools.bench.ground import ROOT, Ground
from tools.reports import Result

RISK_ON = dict.fromkeys(("RISK_CHECKS_ENABLED", "RISK_ENFORCE_CAPS", "RISK_ENFORCE_BUDGETS"), "true")


def trader_environ(ground: Ground, simulator_url: str, folder: Path) -> dict[str, str]:
    """Of a trader at the simulator, with keys made for this run alone."""
    return ground.environ(
        PROFILE="simulator",
        PROCESS="trader",
        DRY_RUN_ONLY="false",
        SIMULATOR_URL=simulator_url,
        DATA_DIR=str(folder),
        DJANGO_SETTINGS_MODULE="propbot.settings",
        SECRET_KEY=secrets.token_urlsafe(48),
        APPROVE_TOKEN=secrets.token_urlsafe(32),
        AUDIT_HMAC_KEY=secrets.token_urlsafe(32),
        AUDIT_SIGNING_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        SECRETS_ENC_KEY=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        MAX_TOTAL_NOTIONAL_USDT="1000000",
        MAX_OPEN_POSITIONS="2000",
        MAX_OPEN_ORDERS="2000",
        **RISK_ON,
    )


def run_part(ground: Ground, name: str, *, quick: bool) -> list[Result]:
    """A fresh database, a fresh simulator, and the figures that the part answers."""
    ground.fresh()
    folder = ground.folder / name
    folder.mkdir(parents=True)
    with running_simulator(dislocate_every=0) as simulator:
        command = [sys.executable, "-m", "tools.bench.inside", name, *(["--quick"] if quick else [])]
        environ = trader_environ(ground, simulator.url, folder)
        done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return [Result(**row) for row in json.loads(done.stdout.strip().splitlines()[-1])]


def resident_mib(pid: int) -> float:
    """A process with its children, in MiB."""
    total = 0.0
    for one in (pid, *_children(pid)):
        lines = Path(f"/proc/{one}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
    return total


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if os.access(path, os.R_OK) else []
