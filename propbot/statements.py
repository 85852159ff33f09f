"""Statements that stand as they are written: prepared by the server once per connection, and built by nobody.

For the way from a quote to the wire, and for what every answer of the console asks: who calls, what the desk is, what is
held. There the ORM's building of a query costs more than the database's answer to it (some 0.7 ms against 0.15, forty
times over); everywhere else the ORM is the better writer.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count as numbers
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import JSONField, Model
from psycopg.adapt import Loader
from psycopg.pq import Format

Row = tuple[Any, ...]
Found = TypeVar("Found", bound=Model)
Other = TypeVar("Other", bound=Model)
Answered = TypeVar("Answered")
Made = TypeVar("Made")
Parameters = Sequence[Any] | Mapping[str, Any]


class _PreparedCursor(psycopg.Cursor[Row]):
    """Parameters travel beside the statement, and the server keeps its plan."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> "_PreparedCursor":
        super().execute(query, params, prepare=True)
        return self


class _JsonbText(Loader):
    """The text of a binary jsonb, as Django's field wants it; its first byte is the format's version."""

    format = Format.BINARY

    def load(self, data: Any) -> str:
        return bytes(data[1:]).decode()


def _cursor(*, binary: bool = False) -> Any:
    """Under Django's own wrapper: its error classes, its counters, its log of queries."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    raw = database.connection
    raw.prepare_threshold = 0  # Django switches preparing off; its own cursors never prepare
    cursor = _PreparedCursor(raw)
    if binary:
        cursor.format = Format.BINARY
        cursor.adapters.register_loader("jsonb", _JsonbText)
    return database.make_debug_cursor(cursor) if database.queries_logged else database.make_cursor(cursor)


def rows(sql: str, params: Parameters = ()) -> list[Row]:
    """Every row of the answer."""
    with closing(_cursor()) as cursor:
        cursor.execute(sql, params)
        found: list[Row] = cursor.fetchall()
    return found


@dataclass(frozen=True)
class Question(Generic[Answered]):
    """What is asked, and what is made of the rows that come."""

    sql: str
    params: Parameters
    answer: Callable[[list[Row]], Answered]

    def then(self, make: Callable[[Answered], Made]) -> "Question[Made]":
        """The same, with more made of its answer."""
        return Question(self.sql, self.params, lambda answer: make(self.answer(answer)))


def ask(question: Question[Answered]) -> Answered:
    """One question by itself."""
    return question.answer(rows(question.sql, question.params))


def ask_together(*questions: Question[Any]) -> list[Any]:
    """Several questions in one statement, of one snapshot; their answers in the same order.

    Each question's rows are an array of records, which alone the binary format brings with their types.
    """
    named = {f"q{number}_{key}": value for number, one in enumerate(questions) for key, value in _named(one.params)}
    with closing(_cursor(binary=True)) as cursor:
        cursor.execute(_together_sql(tuple(one.sql for one in questions)), named)
        found = cursor.fetchone()
    return [question.answer(rows_) for question, rows_ in zip(questions, found, strict=True)]


def _named(params: Parameters) -> Iterable[tuple[str, Any]]:
    return params.items() if isinstance(params, Mapping) else ((str(at), one) for at, one in enumerate(params))


@lru_cache(maxsize=64)
def _together_sql(questions: tuple[str, ...]) -> str:
    parts = [f"ARRAY(SELECT part FROM ({_renamed(sql, number)}) AS part)" for number, sql in enumerate(questions)]  # noqa: S608 - our own text
    return f"SELECT {', '.join(parts)}"


def _renamed(sql: str, number: int) -> str:
    """Every placeholder named, and no two questions' alike."""
    places = numbers()
    return _PLACEHOLDER.sub(lambda one: f"%(q{number}_{one[1] or next(places)})s", sql)


_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s")


def row(sql: str, params: Parameters = ()) -> Row | None:
    """The answer's first row, None when there is none."""
    return next(iter(rows(sql, params)), None)


def is_true(sql: str, params: Parameters = ()) -> bool:
    """A question whose answer is one row with one boolean."""
    found = row(sql, params)
    return found is not None and bool(found[0])


@dataclass(frozen=True)
class _Table:
    """How rows of one model are written: columns, and each column's way from the model's value to the server's."""

    name: str
    columns: tuple[str, ...]
    values: tuple[tuple[str, Any], ...]

    def parameters(self, one: Model) -> list[Any]:
        return [getattr(one, name) if prepare is None else prepare(getattr(one, name)) for name, prepare in self.values]


@lru_cache(maxsize=64)
def _table(model: type[Model], *, keyed: bool) -> _Table:
    fields = [field for field in model._meta.local_concrete_fields if keyed or not field.primary_key]
    return _Table(
        model._meta.db_table,
        tuple(f'"{field.column}"' for field in fields),
        # What the driver writes by itself goes as it is; JSON alone needs the field.
        tuple((field.attname, _json if isinstance(field, JSONField) else None) for field in fields),
    )


def _json(value: Any) -> Any:
    return None if value is None else connections[DEFAULT_DB_ALIAS].ops.adapt_json_value(value, None)


@lru_cache(maxsize=64)
def _insert_sql(shape: tuple[tuple[type[Model], int], ...], *, keyed: bool = True) -> str:
    parts = []
    for model, count in shape:
        table = _table(model, keyed=keyed)
        row_ = f"({', '.join(['%s'] * len(table.columns))})"
        parts.append(f'INSERT INTO "{table.name}" ({", ".join(table.columns)}) VALUES {", ".join([row_] * count)}')  # noqa: S608 - our own names
    *before, last = parts
    named = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(before))
    return f"WITH {named} {last}" if before else last


def insert(*new: Model) -> None:
    """Store rows of one model in one statement, as ``save(force_insert=True)`` of each would: no signal, no default
    of the database. Keys that the database gives are set."""
    model, keyed = type(new[0]), new[0].pk is not None
    if keyed:
        insert_all(new)
        return
    sql = f'{_insert_sql(((model, len(new)),), keyed=False)} RETURNING "{model._meta.pk.column}"'
    table = _table(model, keyed=False)
    keys = rows(sql, [value for one in new for value in table.parameters(one)])
    for one, (key,) in zip(new, keys, strict=True):
        one.pk = key
    _stored(new)


def insert_with(one: Model, computed: Mapping[str, str], extra: Sequence[Any]) -> tuple[str, list[Any]]:
    """The insertion of one row without a key, with some columns computed by the server: its text, to be part of a
    larger statement, and its parameters. ``extra`` are those of ``computed``, in the order of the model's columns."""
    table, more = _table(type(one), keyed=False), iter(extra)
    params: list[Any] = []
    for (name, _), value in zip(table.values, table.parameters(one), strict=True):
        params += [next(more) for _ in range(computed[name].count("%s"))] if name in computed else [value]
    return _insert_with_sql(type(one), tuple(computed.items())), params


@lru_cache(maxsize=8)
def _insert_with_sql(model: type[Model], computed: tuple[tuple[str, str], ...]) -> str:
    table, texts = _table(model, keyed=False), dict(computed)
    values = ", ".join(texts.get(name, "%s") for name, _ in table.values)
    return f'INSERT INTO "{table.name}" ({", ".join(table.columns)}) VALUES ({values})'  # noqa: S608 - our own names


def insert_all(*groups: Sequence[Model]) -> None:
    """Rows of several models, each group of one, in one statement. All have their keys already; that foreign keys are
    looked at when the transaction ends lets them come in any order."""
    shape = tuple((type(group[0]), len(group)) for group in groups)
    values = [value for group in groups for one in group for value in _table(type(one), keyed=True).parameters(one)]
    with closing(_cursor()) as cursor:
        cursor.execute(_insert_sql(shape), values)
    for group in groups:
        _stored(group)


def _stored(new: Sequence[Model]) -> None:
    for one in new:
        one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS


@lru_cache(maxsize=64)
def _select(model: type[Model]) -> tuple[str, list[str], list[Any]]:
    fields, table = list(model._meta.concrete_fields), model._meta.db_table
    decoders = [getattr(field, "from_db_value", None) for field in fields]
    return ", ".join(f'"{table}"."{field.column}"' for field in fields), [field.attname for field in fields], decoders


def rows_of(
    model: type[Found], rest: str, params: Parameters = (), *, beside: str = "NULL"
) -> Question[list[tuple[Found, Any]]]:
    """Whole rows of one model, each with one more value (``beside``, SQL). ``rest`` follows FROM the model's table."""
    return Question(_rows_sql(model, beside, rest), params, partial(_made_beside, model))


@lru_cache(maxsize=64)
def _rows_sql(model: type[Model], beside: str, rest: str) -> str:
    return f'SELECT {_select(model)[0]}, {beside} FROM "{model._meta.db_table}" {rest}'  # noqa: S608 - our own names


def _made_beside(model: type[Found], answer: list[Row]) -> list[tuple[Found, Any]]:
    _, names, decoders = _select(model)
    return [(_made(model, names, decoders, one), one[-1]) for one in answer]


def found_together(
    model: type[Found], other: type[Other], beside: str, rest: str, params: Parameters = ()
) -> list[tuple[Found, Other, Any]]:
    """Rows of two models side by side, and one more value. ``rest`` follows FROM the first model's table."""
    (columns, names, decoders), (other_columns, other_names, other_decoders) = _select(model), _select(other)
    sql = f'SELECT {columns}, {other_columns}, {beside} FROM "{model._meta.db_table}" {rest}'  # noqa: S608 - our own names
    width = len(names)
    return [
        (_made(model, names, decoders, one), _made(other, other_names, other_decoders, one[width:]), one[-1])
        for one in rows(sql, params)
    ]


def found_joined(
    models: Sequence[type[Model]], beside: Sequence[str], rest: str, params: Parameters = ()
) -> list[tuple[list[Any], list[Any]]]:
    """Rows of several models side by side, None where an outer join found none, and more values (``beside``, SQL).
    ``rest`` follows FROM the first model's table."""
    return joined_rows(models, rows(joined_sql(models, beside, rest), params))


def joined_sql(models: Sequence[type[Model]], beside: Sequence[str], rest: str) -> str:
    """The question of ``found_joined``, for who asks it over a connection of its own."""
    chosen = ", ".join([*(_select(model)[0] for model in models), *beside])
    return f'SELECT {chosen} FROM "{models[0]._meta.db_table}" {rest}'  # noqa: S608 - our own names


def joined_rows(models: Sequence[type[Model]], found: Iterable[Row]) -> list[tuple[list[Any], list[Any]]]:
    """What the answer to ``joined_sql`` says."""
    shapes, answers = [_select(model) for model in models], []
    for one in found:
        made: list[Any] = []
        left = one
        for model, (_, names, decoders) in zip(models, shapes, strict=True):
            key = left[names.index(model._meta.pk.attname)]
            made.append(None if key is None else _made(model, names, decoders, left))
            left = left[len(names) :]
        answers.append((made, list(left)))
    return answers


def found(model: type[Found], rest: str, params: Parameters = ()) -> list[Found]:
    """Whole rows of one model."""
    return [one for one, _ in ask(rows_of(model, rest, params))]


def _made(model: type[Found], names: list[str], decoders: list[Any], one: Row) -> Found:
    """The model of a row's first columns; what follows them is somebody else's."""
    return model.from_db(DEFAULT_DB_ALIAS, names, _decoded(one, decoders))


def _decoded(one: Row, decoders: Sequence[Any]) -> list[Any]:
    return [
        value if decode is None else decode(value, None, connection)
        for value, decode in zip(one, decoders, strict=False)
    ]
