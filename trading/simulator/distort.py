"""The bad_number fault: one number of an answer replaced by something that is none."""

import re
from typing import Any

import orjson

PRICE_FIELDS = (
    "bidPrice",
    "askPrice",
    "bidPx",
    "askPx",
    "markPrice",
    "markPx",
    "price",
    "fundingRate",
    "lastFundingRate",
    "avgPx",
    "avgPrice",
)
BARE = re.compile(r"^(NaN|-?Infinity|-?\d+(\.\d+)?([eE][+-]?\d+)?|null)$")
MARKER = "\u0000bad\u0000"


def with_bad_number(payload: bytes, value: str, field: str | None) -> bytes:
    """Puts `value` into the first price of a JSON answer, or into the first occurrence of `field`.

    Text stays text; a number is replaced by the bare word, even where JSON has no such number (NaN, 1e400).
    """
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    was_text = _replace(document, (field,) if field else PRICE_FIELDS)
    if was_text is None:
        was_text = _replace_level(document)
    if was_text is None:
        return payload
    written = orjson.dumps(value) if was_text or not BARE.match(value) else value.encode()
    return orjson.dumps(document).replace(orjson.dumps(MARKER), written)


def _replace(node: Any, names: tuple[str, ...]) -> bool | None:
    """Marks the first field of one of these names; tells whether it was text."""
    if isinstance(node, dict):
        for name in names:
            if name in node:
                was_text = isinstance(node[name], str)
                node[name] = MARKER
                return was_text
        children = list(node.values())
    else:
        children = node if isinstance(node, list) else []
    return next((found for child in children if (found := _replace(child, names)) is not None), None)


def _replace_level(node: Any) -> bool | None:
    """Marks the price of the best bid of a book."""
    if isinstance(node, dict):
        bids = node.get("bids")
        if isinstance(bids, list) and bids and isinstance(bids[0], list):
            bids[0][0] = MARKER
            return True
        children = list(node.values())
    else:
        children = node if isinstance(node, list) else []
    return next((found for child in children if (found := _replace_level(child)) is not None), None)
