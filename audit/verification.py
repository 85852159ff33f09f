"""Proving the chain: pure, over plain rows. The first broken record is named."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.canonical import GENESIS, canonical, record_hash

SIGNED = ("at", "count", "event", "head", "previous", "seq")
Row = Mapping[str, object]


@dataclass(frozen=True)
class Finding:
    """What is broken: the record's number (0: the table as a whole) and why."""

    seq: int
    why: str


@dataclass(frozen=True)
class Verdict:
    records: int
    checkpoints: int
    finding: Finding | None

    @property
    def sound(self) -> bool:
        return self.finding is None


def _link_fault(row: Row, expected_seq: int, previous_hash: str, key: bytes) -> str | None:
    if row["seq"] != expected_seq:
        return f"record {expected_seq} is missing; {row['seq']} stands in its place"
    if row["previous_hash"] != previous_hash:
        return "it does not continue the record before it"
    if record_hash(key, row) != row["hash"]:
        return "its content does not match its keyed hash"
    return None


def _signature_fault(line: Mapping[str, object], public_key: Ed25519PublicKey) -> str | None:
    try:
        signature = base64.b64decode(str(line["signature"]), validate=True)
        public_key.verify(signature, canonical({name: line[name] for name in SIGNED}))
    except (InvalidSignature, KeyError, binascii.Error):
        return "its signature is wrong"
    return None


def checkpoint_fault(lines: Sequence[Mapping[str, object]], public_key: Ed25519PublicKey) -> Finding | None:
    """The checkpoints by themselves: signed, chained to each other, never going back."""
    previous, seq = None, 0
    for number, line in enumerate(lines, start=1):
        why = _signature_fault(line, public_key)
        line_seq = line.get("seq")
        if why is None and previous is not None and line["previous"] != previous:
            why = "a checkpoint before it is missing"
        if why is None and (not isinstance(line_seq, int) or line_seq < seq):
            why = "it goes back behind the one before it"
        if why is not None:
            return Finding(0, f"checkpoint {number}: {why}")
        previous, seq = line["signature"], int(str(line_seq))
    return None


def _promises(lines: Iterable[Mapping[str, object]]) -> dict[int, str]:
    return {int(str(line["seq"])): str(line["head"]) for line in lines}


def _broken_promise(promised: Mapping[int, str], last_seq: int) -> Finding | None:
    beyond = [seq for seq in promised if seq > last_seq]
    if not beyond:
        return None
    return Finding(last_seq + 1, f"a signed checkpoint saw {max(beyond)} records, the table ends at {last_seq}")


def verify_chain(
    rows: Iterable[Row],
    *,
    key: bytes,
    checkpoints: Sequence[Mapping[str, object]] = (),
    public_key: Ed25519PublicKey | None = None,
    start: tuple[int, str] = (0, GENESIS),
) -> Verdict:
    """Walk the rows in order from ``start`` (number and hash of the record before the first).

    Edits, deletions, swaps and forks break the keyed chain; a shortened, rewritten or emptied table
    contradicts the checkpoints.
    """
    if public_key is not None:
        fault = checkpoint_fault(checkpoints, public_key)
        if fault:
            return Verdict(0, len(checkpoints), fault)
    promised = _promises(checkpoints)
    seq, previous_hash = start
    count = 0
    for row in rows:
        why = _link_fault(row, seq + 1, previous_hash, key)
        if why is None and promised.get(seq + 1, row["hash"]) != row["hash"]:
            why = "a signed checkpoint saw another record here"
        if why is not None:
            return Verdict(count, len(checkpoints), Finding(seq + 1, why))
        seq, previous_hash, count = seq + 1, str(row["hash"]), count + 1
    return Verdict(count, len(checkpoints), _broken_promise(promised, seq))
