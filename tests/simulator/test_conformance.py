"""The conformance tool beside the checkout passes in full, each venue against a simulator of its own."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulator.server import SHARED, WITHOUT_SHARED, running_simulator

TOOL = SHARED / "tools" / "venue_conformance.py"
CHECKS = {"binance-um": 45, "okx-perp": 44}


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, tuple[int, str]]]:
    """Both runs side by side: each spends most of its minute waiting for timers."""
    if not TOOL.exists():
        pytest.skip(WITHOUT_SHARED)
    with running_simulator(seed=3) as one, running_simulator(seed=4) as other:
        runs = {
            venue: subprocess.Popen(
                [sys.executable, str(TOOL), "--simulator", handle.url, "--venue", venue],
                stdout=subprocess.PIPE,
                text=True,
            )
            for venue, handle in zip(CHECKS, (one, other), strict=True)
        }
        outputs = {venue: run.communicate(timeout=180)[0] for venue, run in runs.items()}
        yield {venue: (runs[venue].returncode, outputs[venue]) for venue in CHECKS}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("venue", CHECKS)
def test_an_unmodified_ccxt_finds_the_venue_conforming(reports: dict[str, tuple[int, str]], venue: str) -> None:
    code, output = reports[venue]
    failures = [line for line in output.splitlines() if line.startswith("FAIL")]
    assert (code, failures) == (0, [])
    assert f"{CHECKS[venue]} checks, 0 failures" in output
