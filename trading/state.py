"""The transition tables, as data. ``services.transitions`` is the only code that moves a status.

A row that surprises says why.
"""

from collections.abc import Mapping

from trading.choices import AttemptStatus, HedgeStatus, OrderStatus

H = HedgeStatus
O = OrderStatus  # noqa: E741 - the table reads better with one letter per noun

HEDGE_MOVES: Mapping[str, frozenset[str]] = {
    H.OPENING: frozenset({H.OPEN, H.PARTIAL, H.UNRESOLVED, H.FAILED}),
    # An operator may order a flatten while one leg is unproven: the hedge stays unresolved until there is proof.
    H.UNRESOLVED: frozenset({H.OPEN, H.PARTIAL, H.FAILED, H.CLOSED}),
    # Open to partial: liquidation, ADL or an outside trade took from one leg; to unresolved never: its orders ended.
    H.OPEN: frozenset({H.CLOSING, H.PARTIAL}),
    H.PARTIAL: frozenset({H.OPEN, H.CLOSING, H.CLOSED, H.FAILED, H.UNRESOLVED}),
    H.CLOSING: frozenset({H.CLOSED, H.PARTIAL}),
    # Ended to partial: an order that was taken for lost filled late. It is a new orphan, never a rounding note.
    H.CLOSED: frozenset({H.PARTIAL}),
    H.FAILED: frozenset({H.PARTIAL}),
}

_VENUE_ENDS = frozenset({O.FILLED, O.CANCELED, O.EXPIRED, O.REJECTED})

ORDER_MOVES: Mapping[str, frozenset[str]] = {
    O.PLANNED: frozenset({O.SENDING, O.DENIED}),
    # Sending to denied: only the sender itself can say so, when the HOLD file or the expiry stopped it before a byte.
    O.SENDING: _VENUE_ENDS | {O.OPEN, O.UNKNOWN, O.DENIED},
    O.UNKNOWN: _VENUE_ENDS | {O.OPEN, O.NOT_SENT},
    # Open to unknown: the venue acknowledged it and then no longer knows it (replica lag, RELIABILITY B8).
    O.OPEN: _VENUE_ENDS | {O.UNKNOWN},
    # A fill may win the race against a cancel that was already acknowledged (B13): the position wins.
    O.CANCELED: frozenset({O.FILLED}),
    O.EXPIRED: frozenset({O.FILLED}),
    # Proved not to have arrived, and yet it did: the venue's word is later and wins, loudly.
    O.NOT_SENT: frozenset({O.FILLED, O.CANCELED, O.EXPIRED, O.OPEN}),
    O.FILLED: frozenset(),
    O.REJECTED: frozenset(),
    O.DENIED: frozenset(),
}

ATTEMPT_MOVES: Mapping[str, frozenset[str]] = {
    # Requested to done: refused at the door, in the web process, before any trader was asked.
    AttemptStatus.REQUESTED: frozenset({AttemptStatus.CLAIMED, AttemptStatus.DONE, AttemptStatus.EXPIRED}),
    # Claimed to expired: its trader died before the journal; nothing was sent, and nobody takes it up again.
    AttemptStatus.CLAIMED: frozenset({AttemptStatus.DONE, AttemptStatus.EXPIRED}),
    AttemptStatus.DONE: frozenset(),
    AttemptStatus.EXPIRED: frozenset(),
}


def may_move(table: Mapping[str, frozenset[str]], old: str, new: str) -> bool:
    return new in table.get(old, frozenset())
