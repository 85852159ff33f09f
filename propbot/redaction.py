"""No secret leaves through a log, a traceback or an error text (law 11).

Two nets: values that are known to be secret are replaced wherever they stand, and fields or
``name=value`` pairs with a secret's name are blanked whatever they hold.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

REDACTED = "[redacted]"
SHORTEST_SECRET = 6
LONGEST_NAME = 64
_NAMES = (
    r"(?:api[_-]?)?secret|api[_-]?key|passphrase|password|passwd|approve[_-]?token|access[_-]?token|bot[_-]?token"
    r"|token|otp|signature|sign|listen[_-]?key|authorization|cookie|set-cookie|session[_-]?id|private[_-]?key"
    r"|ok-access-(?:key|sign|passphrase)|x-mbx-apikey|enc[_-]?key|hmac[_-]?key|signing[_-]?key|secret[_-]?key"
)
NAME = re.compile(rf"(?:^|[_\-.]|\b)(?:{_NAMES})$", re.IGNORECASE)
# No part of these repeats without a bound before its anchor: a page of 100 kB from a venue or a stranger must not stop
# a process (RELIABILITY H25). A longer name (binance_api_secret) ends in one of these: its beginning need not be read.
PAIR = re.compile(
    rf"(?P<name>(?<![a-z])(?=[abcehlopstx])(?:{_NAMES})[\"']?\s*[=:]\s*)(?P<quote>[\"']?)(?P<value>[^\s\"'&,;}})]+)",
    re.IGNORECASE,
)
BEARER = re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
URL_PASSWORD = re.compile(r"(?P<scheme>://[^\s/:@]{0,256}:)[^\s/@]{1,512}@")
# A break-glass code, wherever it was typed.
GLASS_CODE = re.compile(r"\bPBG(?:-[A-Z2-7]{5}){5}\b", re.IGNORECASE)
# Where a name looks secret but holds none: counts, labels, states.
HARMLESS_NAMES = frozenset({"token_label", "token_expires_at", "token_last_used_at", "has_token", "idempotency_key"})

_known: set[str] = set()
_lock = Lock()


def register(values: Iterable[str | None]) -> None:
    """Remember secret values; short ones are left out, since blanking them would garble ordinary words."""
    with _lock:
        _known.update(value for value in values if value and len(value) >= SHORTEST_SECRET)


def redact_text(text: str) -> str:
    found = [secret for secret in tuple(_known) if secret in text]
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    if "://" in text:
        text = URL_PASSWORD.sub(rf"\g<scheme>{REDACTED}@", text)
    text = GLASS_CODE.sub(REDACTED, text)
    text = BEARER.sub(rf"\1 {REDACTED}", text)
    return PAIR.sub(rf"\g<name>\g<quote>{REDACTED}", text) if "=" in text or ":" in text else text


def is_secret_name(name: str) -> bool:
    return name.lower() not in HARMLESS_NAMES and _ends_as_secret(name[-LONGEST_NAME:])


# The same few names stand in every line of the log. What is kept is short, whatever a stranger sends.
@lru_cache(maxsize=1024)
def _ends_as_secret(end: str) -> bool:
    return NAME.search(end) is not None


def redact(value: Any) -> Any:
    """The same structure without secrets; unknown objects become their redacted text."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {str(key): redact_field(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def redact_field(name: str, value: Any) -> Any:
    if is_secret_name(name) and value not in (None, "", True, False):
        return REDACTED
    return redact(value)
