"""The simulator as these tests speak to it: faults by path, and what arrived under a client order id."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulator.server import SimulatorHandle, running_simulator


@dataclass(frozen=True)
class Simulator:
    handle: SimulatorHandle

    @property
    def url(self) -> str:
        return self.handle.url

    def fault(self, venue: str, kind: str, path: str = "", *, times: int = 1, method: str = "", **args: Any) -> None:
        match = {name: value for name, value in (("path", path), ("method", method)) if value}
        self.handle.fault(venue, kind, match, times, **args)

    def clear_faults(self) -> None:
        self.handle.control("DELETE", "/control/faults")

    def arrived(self, client_order_id: str) -> list[dict[str, Any]]:
        """Everything under this id, refused ones too."""
        rows = self.handle.control("GET", "/control/orders")["orders"]
        return [row for row in rows if row["client_order_id"] == client_order_id]

    def accepted(self, client_order_id: str) -> list[dict[str, Any]]:
        return [row for row in self.arrived(client_order_id) if row["accepted"]]


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Simulator]:
    with running_simulator(**options) as handle:
        yield Simulator(handle)
