"""One desk for the module: started as a newcomer starts it, in an empty directory."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.desk import LIVELY, Desk, free_port_block, start_desk, stop_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    running = os.environ.get("PROPBOT_DESK_DATA_DIR")
    if running:
        accounts = json.loads((Path(running) / "demo-accounts.json").read_text())
        given = Desk(accounts["base_url"], Path(running))
        given.wait_until_healthy()
        yield given
        return
    started = start_desk(tmp_path_factory.mktemp("desk") / "data", free_port_block(), **LIVELY)
    yield started
    stop_desk(started)
