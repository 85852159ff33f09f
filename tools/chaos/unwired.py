"""The control side of a simulator in this process, asked without a socket."""

from typing import Any

from tests.engine.desk import Simulator
from tools.chaos.virtual import Answering


class Unwired(Simulator):
    def __init__(self, server: Answering) -> None:
        super().__init__(None, server.url)  # type: ignore[arg-type]
        self.server = server

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        return self.server.control(path, method, body)
