"""The rules of every limit, as data: name, kind, whether 0 disables it. Pure.

A limit that is absent is never "no limit" (SPEC 13). Raising loosens, lowering tightens; 0 where it disables
counts as infinite.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

INFINITE = Decimal("Infinity")


@dataclass(frozen=True)
class LimitRule:
    """``scope``: what an override may name ("" none, "symbol", "venue"). ``whole``: only whole numbers."""

    name: str
    unit: str
    scope: str = ""
    whole: bool = False
    zero_disables: bool = False
    zero_allowed: bool = False
    nullable: bool = False
    maximum: Decimal | None = None

    @property
    def cap(self) -> str:
        """How answers name it: the setting's name in lower case."""
        return self.name.lower()


RULES: dict[str, LimitRule] = {
    rule.name: rule
    for rule in (
        LimitRule("MAX_OPEN_POSITIONS", "hedges", whole=True),
        LimitRule("MAX_TOTAL_NOTIONAL_USDT", "USDT"),
        LimitRule("MAX_NOTIONAL_PER_POSITION_USDT", "USDT"),
        LimitRule("MAX_NOTIONAL_PER_EXCHANGE", "USDT", scope="venue"),
        LimitRule("MAX_POSITION_USDT", "USDT", scope="symbol"),
        LimitRule("MAX_OPEN_ORDERS", "orders", scope="venue", whole=True),
        LimitRule("MAX_LEVERAGE", "x", maximum=Decimal(125)),
        LimitRule("MAX_DAILY_LOSS_USDT", "USDT", zero_disables=True),
        LimitRule("MAX_TOTAL_NOTIONAL_USD", "USDT", zero_disables=True, nullable=True),
        LimitRule("MAX_UNREALIZED_LOSS_USD", "USDT", zero_disables=True),
        LimitRule("CLOCK_SKEW_HOLD_THRESHOLD_MS", "ms", whole=True, zero_disables=True),
        LimitRule("MAX_ORDERS_PER_MIN", "orders", whole=True),
        LimitRule("MAX_CANCELS_PER_MIN", "cancels", whole=True),
        LimitRule("EDGE_MAX_SLIPPAGE_BPS", "bps", zero_allowed=True),
        LimitRule("EDGE_MAX_FAILURE_RATE", "share", zero_allowed=True, maximum=Decimal(1)),
        LimitRule("EDGE_HEAVY_EXPOSURE_USDT", "USDT", zero_allowed=True),
    )
}
ALIASES = {"MAX_DAILY_LOSS_USD": "MAX_DAILY_LOSS_USDT"}
# The only limit that has no base row: it is a table of venues, and an empty one disables it.
SCOPED_ONLY = frozenset({"MAX_NOTIONAL_PER_EXCHANGE"})
Key = tuple[str, str]


@dataclass(frozen=True)
class LimitsTable:
    """Every limit of one version. Asking for a name without a row is an error, never "no limit"."""

    version: int
    values: Mapping[Key, Decimal | None]

    def value(self, name: str) -> Decimal:
        """The base limit; 0 of one that 0 disables is returned as infinite."""
        found = self.values[name, ""]
        if found is None:
            raise KeyError(f"limit {name} has no value")
        return INFINITE if RULES[name].zero_disables and found == 0 else found

    def scoped(self, name: str, scope: str) -> Decimal:
        """The override of a symbol or venue, else the base."""
        own = self.values.get((name, scope))
        return self.value(name) if own is None else own

    def venue_notional(self, venue: str) -> Decimal:
        """``MAX_NOTIONAL_PER_EXCHANGE``: infinite while the table is blank, 0 for a venue that it does not name."""
        own = self.values.get(("MAX_NOTIONAL_PER_EXCHANGE", venue))
        if own is not None:
            return own
        return Decimal(0) if self.per_venue() else INFINITE

    def per_venue(self) -> dict[str, Decimal]:
        return {
            scope: value
            for (name, scope), value in self.values.items()
            if name == "MAX_NOTIONAL_PER_EXCHANGE" and scope and value is not None
        }

    def governor_notional(self) -> Decimal:
        """``MAX_TOTAL_NOTIONAL_USD``, or without one ``MAX_TOTAL_NOTIONAL_USDT``."""
        if self.values.get(("MAX_TOTAL_NOTIONAL_USD", "")) is None:
            return self.value("MAX_TOTAL_NOTIONAL_USDT")
        return self.value("MAX_TOTAL_NOTIONAL_USD")

    def effective(self, name: str, scope: str) -> Decimal:
        """What stands now for that name and scope, comparable: disabled is infinite."""
        if name == "MAX_NOTIONAL_PER_EXCHANGE":
            return self.venue_notional(scope)
        if name == "MAX_TOTAL_NOTIONAL_USD":
            return self.governor_notional()
        return self.scoped(name, scope) if scope else self.value(name)

    def with_value(self, name: str, scope: str, value: Decimal) -> "LimitsTable":
        return LimitsTable(self.version, {**self.values, (name, scope): value})


def limits_table(version: int, rows: Iterable[tuple[str, str, str | None]]) -> LimitsTable:
    """From the stored form of a version."""
    return LimitsTable(
        version, {(name, scope): None if value is None else Decimal(value) for name, scope, value in rows}
    )


def is_raise(table: LimitsTable, name: str, scope: str, value: Decimal) -> bool:
    """Whether the new value loosens: more than what stands now, or a limit switched off."""
    after = table.with_value(name, scope, value).effective(name, scope)
    return after > table.effective(name, scope)


def value_problem(rule: LimitRule, value: Decimal) -> str | None:
    """Why the value cannot be this limit's; None when it can."""
    if not value.is_finite():
        return "it is not finite"
    if value < 0 or (value == 0 and not (rule.zero_disables or rule.zero_allowed)):
        return "it must be above 0"
    if rule.whole and value != value.to_integral_value():
        return "it must be a whole number"
    if rule.maximum is not None and value > rule.maximum:
        return f"it is above the maximum {rule.maximum}"
    return None


def scope_named(rule: LimitRule, text: str) -> str:
    """``okx_perp`` -> ``okx-perp`` for a venue, ``btcusdt`` -> ``BTCUSDT`` for a symbol."""
    return text.lower().replace("_", "-") if rule.scope == "venue" else text.upper()


def split_name(text: str) -> Key | None:
    """``MAX_POSITION_USDT__BTCUSDT`` -> name and scope; None for what names no limit."""
    base, _, suffix = text.strip().partition("__")
    name = ALIASES.get(base.upper(), base.upper())
    rule = RULES.get(name)
    if rule is None or (suffix and not rule.scope) or (not suffix and name in SCOPED_ONLY):
        return None
    return name, scope_named(rule, suffix) if suffix else ""


def full_name(name: str, scope: str) -> str:
    """How people see it: ``MAX_OPEN_ORDERS__okx-perp``."""
    return f"{name}__{scope}" if scope else name


def plain_number(value: Decimal) -> str:
    """75000 -> "75 000": thin groups as the sentences write them."""
    text = f"{value.normalize():f}"
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}".replace(",", " ") + dot + rest
