"""The same desk on the real quotes of 2026-01-01: it reports a negative net edge and stays out."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import ROOT, Desk, free_port_block, start_desk, stop_desk, wait_for
from tests.acceptance.test_first_hedge import allowed_opportunity

SHARED = Path(os.environ.get("PROPBOT_SHARED", ROOT.parent / "shared"))
RECORDINGS = SHARED / "data"
pytestmark = [
    pytest.mark.timeout(420),
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside this checkout"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("recording") / "data"
    started = start_desk(home, free_port_block(), RECORDING=str(RECORDINGS))
    yield started
    stop_desk(started)


def preview(desk: Desk) -> Any:
    return desk.call("POST", "/api/arb/preview", "vera", {"symbol": "BTCUSDT", "min_spread_bps": "0"}).json()


def test_on_real_quotes_the_net_edge_is_negative_and_the_desk_stays_out(desk: Desk) -> None:
    desk.start_trading()
    desk.loosen({"auto_hedge_enabled": True})
    edges = []
    for _ in range(20):
        answer = wait_for("a net edge", lambda: preview(desk), lambda body: body.get("net_edge_bps") is not None, 90)
        edges.append(Decimal(str(answer["net_edge_bps"])))
    assert max(edges) < 0
    assert desk.get("/api/arb/opportunity")["status"] == "blocked_by_risk"
    assert desk.get("/api/ui/positions")["positions"] == []


def test_with_the_overlay_on_the_recording_the_desk_trades(desk: Desk) -> None:
    desk.simulator_post("/control/dislocate", {"venue": "okx-perp", "symbol": "BTCUSDT", "bps": 60, "seconds": 60})
    found = allowed_opportunity(desk, 30)
    assert (found["symbol"], found["short_venue"]) == ("BTCUSDT", "okx-perp")
    wait_for(
        "auto-hedge takes it",
        lambda: desk.get("/api/ui/hedge/log?limit=50")["entries"],
        lambda rows: any(row["result"] == "opened" for row in rows),
        30,
    )
