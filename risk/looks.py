"""Figures that several checks of one decision ask for, read once: the look.

Scanner, edge guard, gate and limits of one entry decision want the same desk, limits, exposure and PnL within a few
milliseconds. Inside ``one_look()`` the first to ask reads, the others get the same answer. What binds an order is
never such an answer: the journal reads desk, limits, exposure and reservations anew, under its locks, in
``fresh_reads()``; that is also what every reader gets outside a look.

A *prepared* look is one that the trader's governor has just made (``prepare``); a decision that begins within
``PREPARED_SECONDS`` starts with its figures. Only reads marked ``prepared=True`` come from there, and every change of
a hedge in this process throws it away (``forget``).
"""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answered = TypeVar("Answered")
PREPARED_SECONDS = 1.0


@dataclass
class Look:
    """What was read so far, by question; ``at`` is the monotonic second of its beginning."""

    at: float = field(default_factory=time.monotonic)
    answers: dict[Hashable, Any] = field(default_factory=dict)
    keeps: set[Hashable] = field(default_factory=set)


_current: ContextVar[Look | None] = ContextVar("propbot_look", default=None)
_prepared: list[Look] = []
_changes = [0]


def looked(
    key: Callable[..., Hashable], *, prepared: bool = False
) -> Callable[[Callable[Arguments, Answered]], Callable[Arguments, Answered]]:
    """Read once per look. ``key`` makes of the arguments what tells two questions apart: a time is not among it."""

    def decorate(read: Callable[Arguments, Answered]) -> Callable[Arguments, Answered]:
        @wraps(read)
        def once(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answered:
            look = _current.get()
            if look is None:
                return read(*arguments, **named)
            question = (read.__module__, read.__qualname__, key(*arguments, **named))
            if question not in look.answers:
                look.answers[question] = read(*arguments, **named)
            if prepared:
                look.keeps.add(question)
            answer: Answered = look.answers[question]
            return answer

        return once

    return decorate


def plainly(*_: object, **__: object) -> Hashable:
    """The key of a question without arguments that matter."""
    return ()


@contextmanager
def one_look() -> Iterator[None]:
    """Inside, every looked read happens once; nested, it is the outer look."""
    if _current.get() is not None:
        yield
        return
    with _looking(_begun()):
        yield


@contextmanager
def fresh_reads() -> Iterator[None]:
    """Inside, every read asks anew, whatever look is around it."""
    with _looking(None):
        yield


@contextmanager
def unread_look() -> Iterator[None]:
    """Inside, every looked read happens once and now: in the look around when nothing was read in it yet (``prepare``
    keeps what is read then), else in one of its own. What a sample stores is never an earlier answer."""
    look = _current.get()
    if look is not None and not look.answers:
        yield
        return
    with _looking(Look()):
        yield


@contextmanager
def _looking(look: Look | None) -> Iterator[None]:
    token = _current.set(look)
    try:
        yield
    finally:
        _current.reset(token)


def _begun() -> Look:
    found = next(iter(_prepared), None)
    if found is None or time.monotonic() - found.at > PREPARED_SECONDS:
        return Look()
    return Look(at=found.at, answers={one: found.answers[one] for one in found.keeps}, keeps=set(found.keeps))


@contextmanager
def prepare() -> Iterator[None]:
    """A look of its own, kept for the decisions of the next second."""
    look, before = Look(), _changes[0]
    with _looking(look):
        yield
    # What was forgotten meanwhile must not come back: something has changed while we read.
    if _changes[0] == before:
        _prepared[:] = [look]


def forget() -> None:
    """Something has changed that a prepared look may have read."""
    _changes[0] += 1
    _prepared.clear()
