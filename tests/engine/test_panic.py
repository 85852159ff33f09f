"""`manage.py panic` with database, Redis, Celery and web down: it stops, cancels, flattens and proves (law 1)."""

import os
import subprocess
import sys
from pathlib import Path

from risk import hold_file
from tests.engine.desk import LONG, ROOT, SHORT, Desk
from tests.environment import SECRETS
from trading.services.execution import hedge_open


def run_panic(desk: Desk, data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **SECRETS,
        "PATH": os.environ["PATH"],
        "PROFILE": "simulator",
        "DRY_RUN_ONLY": "false",
        "SIMULATOR_URL": desk.simulator.url,
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "PROCESS": "trader",
    }
    command = [sys.executable, "manage.py", "panic", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_panic_flattens_and_proves_with_the_database_down(desk: Desk, tmp_path: Path) -> None:
    hedge_open(plan=desk.plan("ETHUSDT"), attempt=None)
    assert not desk.flat("ETHUSDT")
    done = run_panic(desk, tmp_path, "--flatten")
    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.flat("ETHUSDT")
    assert "PROVED: nothing is left" in done.stdout
    assert hold_file.present()
    assert list((tmp_path / "audit" / "spool").glob("*.json"))
    assert not [name for name, value in SECRETS.items() if value in done.stdout + done.stderr]


def test_panic_cancels_an_order_that_has_no_client_id(desk: Desk, tmp_path: Path) -> None:
    """Made by hand on OKX's website: only the venue's own id names it."""
    row = {"instId": "ETH-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": "1500"}
    desk.runtime.run(desk.runtime.clients[SHORT].raw("privatePostTradeOrder", row))
    done = run_panic(desk, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not desk.runtime.run(desk.runtime.clients[SHORT].fetch_open_orders(None))


def test_panic_exits_nonzero_with_a_list_when_a_venue_is_dark(desk: Desk, tmp_path: Path) -> None:
    desk.simulator.fault(LONG, "http_status", match={"path": "/fapi/"}, times=1000, status=503)
    done = run_panic(desk, tmp_path)
    assert done.returncode != 0
    assert f"LEFT: {LONG}" in done.stdout
