"""Statuses and kinds of the trading floor: value, label, and the groups that code asks for."""

from django.db import models


class HedgeStatus(models.TextChoices):
    OPENING = "opening", "opening"
    UNRESOLVED = "unresolved", "unresolved"
    OPEN = "open", "open"
    PARTIAL = "partial", "partial (OUTSTANDING RISK)"
    CLOSING = "closing", "closing"
    CLOSED = "closed", "closed"
    FAILED = "failed", "failed"


HEDGE_IN_FLIGHT = frozenset({HedgeStatus.OPENING, HedgeStatus.UNRESOLVED})
HEDGE_EXPOSED = frozenset({HedgeStatus.OPEN, HedgeStatus.PARTIAL, HedgeStatus.CLOSING})
HEDGE_ENDED = frozenset({HedgeStatus.CLOSED, HedgeStatus.FAILED})
HEDGE_COLOURS = {
    HedgeStatus.OPENING: "info",
    HedgeStatus.UNRESOLVED: "warning",
    HedgeStatus.OPEN: "success",
    HedgeStatus.PARTIAL: "danger",
    HedgeStatus.CLOSING: "info",
    HedgeStatus.CLOSED: "default",
    HedgeStatus.FAILED: "default",
}


class PositionSide(models.TextChoices):
    LONG = "long", "long"
    SHORT = "short", "short"


class OrderSide(models.TextChoices):
    BUY = "buy", "buy"
    SELL = "sell", "sell"


class OrderType(models.TextChoices):
    LIMIT = "limit", "limit"
    MARKET = "market", "market"


class TimeInForce(models.TextChoices):
    IOC = "ioc", "immediate or cancel"
    GTC = "gtc", "good till canceled"
    POST_ONLY = "post_only", "post only"


class OrderPurpose(models.TextChoices):
    ENTRY = "entry", "entry"
    REHEDGE = "rehedge", "re-hedge"
    TRIM = "trim", "trim"
    FLATTEN = "flatten", "flatten"
    EXIT = "exit", "exit"
    OUTSIDE = "outside", "not ours: ADL, liquidation or another hand"


OPENING_PURPOSES = frozenset({OrderPurpose.ENTRY, OrderPurpose.REHEDGE})


class OrderStatus(models.TextChoices):
    """Denied is our word, rejected the venue's, unknown means no proof (never a rejection)."""

    PLANNED = "planned", "planned"
    SENDING = "sending", "on the wire"
    UNKNOWN = "unknown", "unknown: no proof yet"
    OPEN = "open", "open at the venue"
    FILLED = "filled", "filled"
    CANCELED = "canceled", "canceled"
    EXPIRED = "expired", "expired at the venue"
    REJECTED = "rejected", "rejected by the venue"
    DENIED = "denied", "denied by PropBot before the wire"
    NOT_SENT = "not_sent", "proved never to have arrived"


ORDER_UNPROVEN = frozenset({OrderStatus.SENDING, OrderStatus.UNKNOWN})
ORDER_LIVE = frozenset({OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.OPEN})
ORDER_ENDED = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.DENIED,
        OrderStatus.NOT_SENT,
    }
)


class OpportunityStatus(models.TextChoices):
    ALLOWED = "allowed", "allowed"
    BLOCKED_BY_RISK = "blocked_by_risk", "blocked by risk"


class AttemptKind(models.TextChoices):
    EXECUTE = "execute", "execute"
    CONFIRM = "confirm", "confirm"
    AUTO_HEDGE = "auto_hedge", "auto-hedge"
    LOOP = "loop", "loop"
    CLOSE = "close", "close"
    FLATTEN = "flatten", "flatten"
    COMPLETE = "complete", "complete"
    CLOSE_ALL = "close_all", "close all"
    CANCEL_ALL = "cancel_all", "cancel all"


class AttemptStatus(models.TextChoices):
    REQUESTED = "requested", "requested"
    CLAIMED = "claimed", "claimed by the trader"
    DONE = "done", "done"
    EXPIRED = "expired", "expired before the trader took it"
