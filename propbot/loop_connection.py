"""One database connection of a server's own loop, for questions that stand as they are written.

Spoken with libpq by hand: the driver's own asynchronous cursor costs half as much again, and, when its caller has lost
patience with a frozen database, waits for that database before it lets go. Here letting go is closing the socket.
Autocommit, and nothing but reading: what may have been asked and what not is nobody's question.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus

from propbot.statements import Row

Parameter = datetime | Sequence[str]
# The server would plan a question with a list anew each time, for the list might be long: at four times the answer's cost.
PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"
ANSWERED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def numbered(sql: str) -> bytes:
    """The server's own signs for parameters, in the order of ours."""
    first, *others = sql.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()


def _text(parameter: Parameter) -> bytes:
    """Moments and lists of plain words: nothing else is asked, and no word of them may need a quote."""
    if isinstance(parameter, datetime):
        return parameter.isoformat().encode()
    if not all(word.isalnum() and word.isascii() for word in parameter):
        raise ValueError("a list of plain words is asked here")
    return f"{{{','.join(parameter)}}}".encode()


class LoopConnection:
    """One question at a time; whoever asks sees to that. Anything odd is an ``OperationalError``, and a reason to close."""

    def __init__(self, questions: Mapping[str, str], *, application_name: str) -> None:
        self._questions = {name: numbered(sql) for name, sql in questions.items()}
        self._application_name = application_name
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def rows(self, name: str, *parameters: Parameter) -> list[Row]:
        connection = await self._opened()
        connection.pgconn.send_query_prepared(name.encode(), [_text(one) for one in parameters])
        answer = await self._answer(connection)
        reader = Transformer(connection)
        reader.set_pgresult(answer)
        return reader.load_rows(0, answer.ntuples, tuple)

    def close(self) -> None:
        """At once, whatever is on its way. Where a loop was ended without that, nothing is left to wait for either."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def _opened(self) -> "psycopg.AsyncConnection[Row]":
        if self._loop is not asyncio.get_running_loop():
            self.close()
            self._loop = asyncio.get_running_loop()
        if self._connection is None:
            table = connections[DEFAULT_DB_ALIAS].get_connection_params()
            table.pop("cursor_factory", None)
            options = f"{table.get('options', '')} {PLANNED_ONCE}"
            table |= {"application_name": self._application_name, "autocommit": True, "options": options}
            self._connection = await psycopg.AsyncConnection.connect(**table)
            for name, sql in self._questions.items():
                self._connection.pgconn.send_prepare(name.encode(), sql)
                await self._answer(self._connection)
        return self._connection

    async def _answer(self, connection: "psycopg.AsyncConnection[Row]") -> Any:
        """To its end: what was left unread would be taken for the next question's answer."""
        pgconn, last = connection.pgconn, None
        if pgconn.flush():
            raise psycopg.OperationalError("the database does not take a question of a few hundred bytes")
        while True:
            while pgconn.is_busy():
                await _readable(pgconn.socket)
                pgconn.consume_input()
            found = pgconn.get_result()
            if found is None:
                break
            last = found
        if last is None or last.status not in ANSWERED:
            raise psycopg.OperationalError(last.get_error_message() if last else "no answer")
        return last


async def _readable(socket: int) -> None:
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not came.done():
            came.set_result(None)

    loop.add_reader(socket, note)
    try:
        await came
    finally:
        loop.remove_reader(socket)
