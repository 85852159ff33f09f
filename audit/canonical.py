"""Canonical JSON and the keyed hashes of the chain. Pure: no Django, no I/O.

A details document survives its way through PostgreSQL's jsonb unchanged because floats, decimals,
times and ids are written as text before they are stored or hashed.
"""

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

GENESIS = "0" * 64
HASHED = (
    "seq",
    "at",
    "person_id",
    "person",
    "role",
    "channel",
    "ip",
    "request_id",
    "claimed",
    "action",
    "target",
    "status",
    "details",
    "spool_id",
    "previous_hash",
)
# Law 11: what a value under such a name says is nobody's business, whoever put it there.
SECRET_NAME = re.compile(
    r"(^|_)(token|otp|password|passphrase|secret|api_key|apikey|private_key|signature|cookie|authorization|value_sealed)$",
    re.IGNORECASE,
)
REDACTED = "[redacted]"
SAFE_INTEGER = 2**53


def clean_text(text: str, limit: int = 4000) -> str:
    """Text that PostgreSQL can hold: no NUL, no lone surrogate, bounded."""
    held = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    return held if len(held) <= limit else f"{held[: limit - 1]}…"


def iso(at: datetime) -> str:
    """UTC with exactly six decimals, whatever the clock showed."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain_decimal(value: Decimal) -> str:
    return format(value, "f")


def _plain_scalar(value: object) -> object:
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < SAFE_INTEGER else str(value)
        case Decimal():
            return plain_decimal(value)
        case float():
            return repr(value)
        case datetime():
            return iso(value)
        case date() | uuid.UUID():
            return str(value)
    return clean_text(str(value))


def plain(value: object, *, depth: int = 0) -> object:
    """The value as JSON that any reader spells the same; secrets by name are left out."""
    if depth > 12:
        return clean_text(str(value), 200)
    if isinstance(value, Mapping):
        return {
            clean_text(str(key), 200): REDACTED if SECRET_NAME.search(str(key)) else plain(item, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain(item, depth=depth + 1) for item in items]
    return _plain_scalar(value)


def canonical(document: object) -> bytes:
    """Sorted keys, no white space, UTF-8: one spelling per document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(document: object) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()


def record_hash(key: bytes, fields: Mapping[str, object]) -> str:
    """HMAC-SHA256 over the hashed fields of one record, its predecessor's hash among them."""
    return hmac.new(key, canonical({name: fields[name] for name in HASHED}), hashlib.sha256).hexdigest()
