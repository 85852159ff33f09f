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
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from propbot.statements import Question, ask, ask_together

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


class Looked(Generic[Arguments, Answered]):
    """A read that happens once per look."""

    def __init__(self, read: Callable[Arguments, Answered], key: Callable[..., Hashable], *, prepared: bool) -> None:
        update_wrapper(self, read)
        self._read, self._key, self._prepared = read, key, prepared
        self._name = (read.__module__, read.__qualname__)

    def __call__(self, *arguments: Arguments.args, **named: Arguments.kwargs) -> Answered:
        look = _current.get()
        if look is None:
            return self._read(*arguments, **named)
        question = self._question(*arguments, **named)
        if question not in look.answers:
            look.answers[question] = self._read(*arguments, **named)
        if self._prepared:
            look.keeps.add(question)
        answer: Answered = look.answers[question]
        return answer

    def put(self, answer: Answered, *arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        """Into the look around: what was read with something else."""
        look = _current.get()
        if look is not None:
            look.answers[self._question(*arguments, **named)] = answer

    def _question(self, *arguments: Any, **named: Any) -> Hashable:
        return (*self._name, self._key(*arguments, **named))


class Asked(Looked[Arguments, Answered]):
    """A looked read that is one question to the database, so that several can be asked in one statement."""

    def __init__(
        self, ask_for: Callable[Arguments, Question[Answered]], key: Callable[..., Hashable], *, prepared: bool
    ) -> None:
        super().__init__(lambda *arguments, **named: ask(ask_for(*arguments, **named)), key, prepared=prepared)
        update_wrapper(self, ask_for)
        self._ask_for = ask_for
        self._name = (ask_for.__module__, ask_for.__qualname__)

    def ahead(self, *arguments: Arguments.args, **named: Arguments.kwargs) -> "Ahead":
        """For ``ask_ahead``."""
        return Ahead(self._question(*arguments, **named), self._ask_for(*arguments, **named))


@dataclass(frozen=True)
class Ahead:
    """A question that will be asked within this look: ``key`` is its place there."""

    key: Hashable
    question: Question[Any]


def ask_ahead(*ahead: Ahead, also: Sequence[Question[Any]] = ()) -> list[Any]:
    """Ask now, in one statement, what the look around will want to know and does not know yet; and, whatever it knows,
    ``also``, of which the answers are returned."""
    look = _current.get()
    wanted = {} if look is None else {one.key: one.question for one in ahead if one.key not in look.answers}
    if not wanted and not also:
        return []
    answers = ask_together(*also, *wanted.values())
    if look is not None:
        look.answers.update(zip(wanted, answers[len(also) :], strict=True))
    return answers[: len(also)]


def looked(
    key: Callable[..., Hashable], *, prepared: bool = False
) -> Callable[[Callable[Arguments, Answered]], Looked[Arguments, Answered]]:
    """Read once per look. ``key`` makes of the arguments what tells two questions apart: a time is not among it."""
    return lambda read: Looked(read, key, prepared=prepared)


def asked(
    key: Callable[..., Hashable], *, prepared: bool = False
) -> Callable[[Callable[Arguments, Question[Answered]]], Asked[Arguments, Answered]]:
    """The same for a function that answers a question to the database: calling it answers what the database says."""
    return lambda ask_for: Asked(ask_for, key, prepared=prepared)


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
