"""One sight of the database for all who wait: the desk as it is now, and who of the callers may see it.

A sight begins after its callers came and is shared by them alone. Who comes while one is on its way waits for the next:
nobody is ever answered with a desk older than the question, and a backlog costs one sight instead of one each.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from knox.models import AuthToken

from approvals.api.authentication import BESIDE_TOKEN, CALLER, LAST_USE_EVERY, NOTED, STILL_LIVE, token_of
from approvals.models import ApprovalRequest
from approvals.roles import GROUPS
from propbot import statements
from propbot.clock import utc_now
from propbot.console.selectors.desk import (
    BESIDE_DESK,
    PENDING,
    STANDING,
    THE_ROWS,
    approval_figures,
    desk_of,
    is_pending,
)
from propbot.loop_connection import LoopConnection
from risk.models import ControlSettings, DeskState

log = structlog.get_logger(__name__)
# A frozen database: so long the callers of one sight wait, and after it nobody asks here for a while.
PATIENCE_SECONDS = 1.0
REST_SECONDS = 1.0
MODELS = (DeskState, ControlSettings, *CALLER)
BESIDE = (STANDING, NOTED, GROUPS)
# The desk comes in any case, with each live token of those asked for beside it.
WITH_CALLERS = f"""{BESIDE_DESK} LEFT JOIN (knox_authtoken {BESIDE_TOKEN})
 ON knox_authtoken.digest = ANY(%s) AND {STILL_LIVE} WHERE {THE_ROWS}"""
QUESTIONS = {
    "sight": statements.joined_sql(MODELS, BESIDE, WITH_CALLERS),
    "pending": statements.joined_sql((ApprovalRequest,), (), PENDING),
}
# What a database can say that is away, restarts, refuses or was changed under us.
TROUBLE = (psycopg.Error, OSError, TimeoutError)


@dataclass(frozen=True)
class Sight:
    desk: dict[str, Any]
    callers: Mapping[str, AuthToken]
    # What was cut from this sight, for its callers alone.
    answers: dict[str, bytes] = field(default_factory=dict)


class Sights:
    """Of one loop at a time."""

    def __init__(self) -> None:
        self._connection = LoopConnection(QUESTIONS, application_name="propbot-status")
        self._waiting: list[tuple[str, asyncio.Future[Sight | None]]] = []
        self._running: asyncio.Task[None] | None = None
        self._rests_until = float("-inf")

    async def sight(self, digest: str) -> Sight | None:
        """None when the database did not answer as it should."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            return None
        waiting: asyncio.Future[Sight | None] = loop.create_future()
        self._waiting.append((digest, waiting))
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._go_on())
        return await waiting

    async def close(self) -> None:
        running, self._running = self._running, None
        if running is not None and not running.done():
            running.cancel()
            await asyncio.wait({running})
        self._connection.close()
        self._rests_until = float("-inf")

    async def _go_on(self) -> None:
        """Until nobody waits. Whatever happens, whoever waits is told."""
        while self._waiting:
            asked, self._waiting = self._waiting, []
            found: Sight | None = None
            try:
                found = await self._patiently({digest for digest, _ in asked})
            finally:
                for _, waiting in asked if found else [*asked, *self._waiting]:
                    if not waiting.done():  # its caller is gone
                        waiting.set_result(found)
                self._waiting = self._waiting if found else []

    async def _patiently(self, digests: Iterable[str]) -> Sight | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._seen(digests)
        except TROUBLE as error:
            log.warning("status_sight_failed", cause=error.__class__.__name__)
            self._connection.close()
            self._rests_until = asyncio.get_running_loop().time() + REST_SECONDS
            return None

    async def _seen(self, digests: Iterable[str]) -> Sight | None:
        now = utc_now()
        rows = await self._connection.rows("sight", now, now - LAST_USE_EVERY, tuple(digests), now)
        if not rows:
            return None  # there is no desk: who makes what is missing says so
        found = statements.joined_rows(MODELS, rows)
        (desk, control, *_), (standing, *_) = found[0]
        pending = []
        if is_pending(standing):
            asked = statements.joined_rows((ApprovalRequest,), await self._connection.rows("pending", now))
            pending = [approval_figures(row) for (row,), _ in asked]
        callers = [
            token_of(*models[2:], noted=noted, groups=groups) for models, (_, noted, groups) in found if models[2]
        ]
        return Sight(desk_of(desk, control, standing, pending, now), {token.digest: token for token in callers})


# Of the web process: the status lane and the sockets share it.
SIGHTS = Sights()
