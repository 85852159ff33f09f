"""Every environment variable PropBot reads, as data: name, kind, default, bounds.

Parsing is strict. What is missing takes the safest value; what cannot be read is an error that
names the variable and the cure, and no process serves while there is one. ``NAME_FILE`` may name a
file that holds the value of ``NAME``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

Kind = Literal["text", "flag", "integer", "decimal", "decimals", "list", "venue_limits", "secret"]
Value = str | bool | int | Decimal | tuple[str, ...] | tuple[Decimal, ...] | dict[str, Decimal] | None

FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
DECIMAL_TEXT = re.compile(r"[+-]?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})([eE][+-]?\d{1,2})?", re.ASCII)
INTEGER_TEXT = re.compile(r"[+-]?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Setting:
    """One environment variable. ``default`` is the text used when it is unset; None means unset."""

    name: str
    kind: Kind
    default: str | None
    group: str
    help: str
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    scope: Literal["", "symbol", "venue"] = ""


@dataclass(frozen=True)
class ConfigProblem:
    """Why a variable cannot be used, and what cures it."""

    name: str
    message: str
    cure: str


class BadValueError(ValueError):
    """A text that is not a value of the setting's kind, in words an operator can act on."""


def parse_flag(text: str) -> bool:
    try:
        return FLAGS[text.lower()]
    except KeyError:
        raise BadValueError(f"{text!r} is neither true nor false") from None


def parse_integer(text: str) -> int:
    if not INTEGER_TEXT.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def parse_decimal(text: str) -> Decimal:
    """A finite decimal of at most 38 digits; NaN and infinities are refused (RELIABILITY C3)."""
    if not DECIMAL_TEXT.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is not a plain finite number")
    try:
        value = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern admits nothing of the kind
        raise BadValueError(f"{text[:40]!r} is not a number") from None
    if abs(value.adjusted()) > 18:
        raise BadValueError(f"{text[:40]!r} lies outside 1e-18 to 1e18")
    return value


def parse_venue_limits(text: str) -> dict[str, Decimal]:
    """``binance-um:50000,okx-perp:50000`` -> USDT per venue; blank is an empty table."""
    table: dict[str, Decimal] = {}
    for item in filter(None, text.split(",")):
        venue, colon, limit = item.partition(":")
        if not colon or not venue or venue in table:
            raise BadValueError(f"{item!r} is not venue:limit, or names a venue twice")
        table[venue] = parse_decimal(limit)
    return table


def _numbers(value: Value) -> tuple[Decimal, ...]:
    if isinstance(value, bool):
        return ()
    if isinstance(value, int | Decimal):
        return (Decimal(value),)
    if isinstance(value, dict):
        return tuple(value.values())
    if isinstance(value, tuple):
        return tuple(item for item in value if isinstance(item, Decimal))
    return ()


def _check_bounds(setting: Setting, value: Value) -> None:
    for number in _numbers(value):
        if setting.minimum is not None and number < setting.minimum:
            raise BadValueError(f"{number} is below the minimum {setting.minimum}")
        if setting.maximum is not None and number > setting.maximum:
            raise BadValueError(f"{number} is above the maximum {setting.maximum}")
    if setting.choices and value is not None and value not in setting.choices:
        raise BadValueError(f"{value!r} is not one of {', '.join(setting.choices)}")


def parse(setting: Setting, text: str) -> Value:
    """The value of one setting; raises BadValueError with a sentence."""
    if text != text.strip():
        raise BadValueError("it begins or ends with white space")
    value: Value
    match setting.kind:
        case "flag":
            value = parse_flag(text)
        case "integer":
            value = parse_integer(text)
        case "decimal":
            value = parse_decimal(text)
        case "decimals":
            value = tuple(parse_decimal(item) for item in text.split(","))
        case "list":
            value = tuple(item for item in text.split(",") if item)
        case "venue_limits":
            value = parse_venue_limits(text)
        case _:
            value = text
    _check_bounds(setting, value)
    return value


@dataclass(frozen=True)
class Values:
    """What was read, by name, with typed access. Asking for a name that is not declared is a bug."""

    table: Mapping[str, Value]

    def replace(self, **changes: Value) -> "Values":
        unknown = changes.keys() - self.table.keys()
        if unknown:
            raise KeyError(f"not settings: {sorted(unknown)}")
        return replace(self, table={**self.table, **changes})

    def text(self, name: str) -> str:
        value = self.table[name]
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        return self.table[name] is True

    def integer(self, name: str) -> int:
        value = self.table[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is not a whole number")
        return value

    def decimal(self, name: str) -> Decimal:
        value = self.optional_decimal(name)
        if value is None:
            raise TypeError(f"{name} has no value")
        return value

    def optional_decimal(self, name: str) -> Decimal | None:
        value = self.table[name]
        if value is None:
            return None
        if not isinstance(value, int | Decimal):
            raise TypeError(f"{name} is not a number")
        return Decimal(value)

    def decimals(self, name: str) -> tuple[Decimal, ...]:
        value = self.table[name]
        if not isinstance(value, tuple):
            raise TypeError(f"{name} is not a list")
        return tuple(Decimal(item) for item in value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.table[name]
        return tuple(str(item) for item in value) if isinstance(value, tuple) else ()

    def venue_limits(self, name: str) -> dict[str, Decimal]:
        value = self.table[name]
        return dict(value) if isinstance(value, dict) else {}

    def scoped(self, name: str) -> dict[str, Decimal]:
        """What ``NAME__<SCOPE>`` variables say, by scope: a symbol, or a venue with ``-`` for ``_``, lower case."""
        return self.venue_limits(f"{name}__*")


def raw_text(name: str, environ: Mapping[str, str]) -> str | None:
    """The text of ``NAME``, or of the file that ``NAME_FILE`` names (without its final newline)."""
    if name in environ:
        return environ[name]
    path = environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadValueError(f"{name}_FILE cannot be read: {error.__class__.__name__}") from error


def _first_text(setting: Setting, environ: Mapping[str, str]) -> str | None:
    texts = (raw_text(name, environ) for name in (setting.name, *setting.aliases))
    return next((text for text in texts if text is not None), None)


def _scope(setting: Setting, name: str) -> str:
    """``MAX_OPEN_ORDERS__OKX_PERP`` -> ``okx-perp``; a symbol keeps its capitals."""
    scope = name.removeprefix(f"{setting.name}__")
    return scope.lower().replace("_", "-") if setting.scope == "venue" else scope.upper()


def _read_scoped(setting: Setting, environ: Mapping[str, str]) -> tuple[dict[str, Decimal], list[ConfigProblem]]:
    table: dict[str, Decimal] = {}
    problems: list[ConfigProblem] = []
    names = (name for name in environ if name.startswith(f"{setting.name}__") and not name.endswith("_FILE"))
    for name in sorted(names):
        try:
            table[_scope(setting, name)] = _numbers(parse(setting, environ[name]))[0]
        except BadValueError as error:
            problems.append(ConfigProblem(name, str(error), f"set {name}: {setting.help}"))
    return table, problems


def read(settings: tuple[Setting, ...], environ: Mapping[str, str]) -> tuple[Values, tuple[ConfigProblem, ...]]:
    """Every setting's value, and what is wrong. A wrong one has its default until the process stops."""
    table: dict[str, Value] = {}
    problems: list[ConfigProblem] = []
    for setting in settings:
        fallback = None if setting.default is None else parse(setting, setting.default)
        try:
            text = _first_text(setting, environ)
            blank_is_unset = text == "" and setting.kind not in ("text", "secret", "list", "venue_limits")
            table[setting.name] = fallback if text is None or blank_is_unset else parse(setting, text)
        except BadValueError as error:
            table[setting.name] = fallback
            problems.append(ConfigProblem(setting.name, str(error), f"set {setting.name}: {setting.help}"))
        if setting.scope:
            table[f"{setting.name}__*"], wrong = _read_scoped(setting, environ)
            problems.extend(wrong)
    return Values(table), tuple(problems)
