"""Client order ids (RELIABILITY S2): at most 32 characters of [A-Za-z0-9], the one format that both venues take.

``PB`` + 3 characters of this installation + 22 of the hedge or intent + leg ``A``, ``B`` or ``F`` + 2 of the attempt.
The installation's tag makes orders of a second installation on the same account recognisable.
"""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "PB"
TAG_LENGTH, INTENT_LENGTH, ATTEMPT_LENGTH = 3, 22, 2
LEGS = ("A", "B", "F")
MAX_ATTEMPT = 62**ATTEMPT_LENGTH - 1
PATTERN = re.compile(r"PB([0-9A-Za-z]{3})([0-9A-Za-z]{22})([ABF])([0-9A-Za-z]{2})", re.ASCII)


@dataclass(frozen=True)
class ParsedId:
    """What one of PropBot's client order ids says of itself."""

    tag: str
    intent: UUID
    leg: str
    attempt: int


def base62(number: int, width: int) -> str:
    """``number`` in base 62, left-padded to ``width``; a number that needs more digits is a ValueError."""
    digits = ""
    rest = number
    while rest:
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    if number < 0 or len(digits) > width:
        raise ValueError(f"{number} does not fit {width} base 62 digits")
    return digits.rjust(width, ALPHABET[0])


def from_base62(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + ALPHABET.index(character)
    return number


def installation_tag(seed: str) -> str:
    """Three characters that stay the same for one installation; ``seed`` is whatever identifies it."""
    digest = hashlib.sha256(seed.encode()).digest()
    return base62(int.from_bytes(digest[:8], "big") % 62**TAG_LENGTH, TAG_LENGTH)


def client_order_id(tag: str, intent: UUID, leg: str, attempt: int) -> str:
    """The id of one attempt of one leg: unique for ever, because (intent, leg, attempt) is."""
    if len(tag) != TAG_LENGTH or leg not in LEGS:
        raise ValueError(f"bad tag {tag!r} or leg {leg!r}")
    return f"{PREFIX}{tag}{base62(intent.int, INTENT_LENGTH)}{leg}{base62(attempt, ATTEMPT_LENGTH)}"


def parse(text: str) -> ParsedId | None:
    """None for an id that no PropBot made."""
    match = PATTERN.fullmatch(text)
    if match is None:
        return None
    tag, intent, leg, attempt = match.groups()
    number = from_base62(intent)
    return ParsedId(tag, UUID(int=number), leg, from_base62(attempt)) if number < 1 << 128 else None
