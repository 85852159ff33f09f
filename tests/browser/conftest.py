"""A whole desk, and the cast's browsers on it. PROPBOT_DESK_DATA_DIR names a desk that already runs."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from propbot.console.browser import chromium, signed_in
from tests.acceptance.desk import Desk, free_port_block, start_desk, stop_desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    running = os.environ.get("PROPBOT_DESK_DATA_DIR")
    if running:
        accounts = json.loads((Path(running) / "demo-accounts.json").read_text())
        given = Desk(accounts["base_url"], Path(running))
        given.wait_until_healthy()
        yield given
        return
    started = start_desk(tmp_path_factory.mktemp("desk") / "data", free_port_block())
    yield started
    stop_desk(started)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@dataclass
class Wire:
    """One page's web socket, which a test can cut and let heal."""

    healthy: bool = True
    routes: list[Any] = field(default_factory=list)

    def take(self, route: Any) -> None:
        self.routes.append(route)
        if self.healthy:
            route.connect_to_server()
        else:
            route.close(code=1001)

    def cut(self) -> None:
        self.healthy = False
        for route in self.routes:
            route.close(code=1001)
        self.routes.clear()


@dataclass
class Eyes:
    """Each person's own browser."""

    browser: Any
    desk: Desk
    wires: dict[str, Wire] = field(default_factory=dict)
    pages: dict[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        if name not in self.pages:
            wire = self.wires.setdefault(name, Wire())
            self.pages[name] = signed_in(
                self.browser,
                self.desk.base_url,
                name,
                self.desk.accounts["people"][name]["password"],
                prepare=lambda page: page.route_web_socket("**/ws/status", wire.take),
                viewport={"width": 1280, "height": 900},
            )
            self.pages[name].set_default_timeout(15_000)
        return self.pages[name]


@pytest.fixture(scope="session")
def eyes(browser: Any, desk: Desk) -> Iterator[Eyes]:
    seen = Eyes(browser, desk)
    yield seen
    for page in seen.pages.values():
        page.context.close()
