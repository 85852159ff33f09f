"""RELIABILITY S1: what became of a mutating call, from the venue's raw code and text.

One table per venue; the default is UNKNOWN. ccxt's exception classes are never consulted: one class
stands for several truths, and code "2" of OKX raises nothing at all (VENUES.md sections 0, 5, 8.6).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trading.venues import parsing
from trading.venues.base import Outcome, OutcomeKind

TEXT_LIMIT = 200
THROTTLED_STATUS = frozenset({418, 429})


@dataclass(frozen=True)
class HttpAnswer:
    """What came over the wire. ``status`` None: nothing came; ``trouble`` then names why, without addresses."""

    status: int | None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    sent: bool = True


@dataclass(frozen=True)
class Reading:
    """The venue's own words in an answer: a code, a text and, on success, its order id."""

    code: str = ""
    text: str = ""
    venue_order_id: str = ""


@dataclass(frozen=True)
class OutcomeTable:
    """Codes that prove an end. ``refusal_statuses``: only there is a code a refusal; elsewhere it proves nothing."""

    read: Callable[[HttpAnswer, str], Reading | None]
    rejected: frozenset[str]
    exists: frozenset[str]
    throttled: frozenset[str]
    cancel_gone: frozenset[str]
    refusal_statuses: frozenset[int]


def _code_text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def _clean(value: object) -> str:
    return value[:TEXT_LIMIT] if isinstance(value, str) else ""


def read_binance(answer: HttpAnswer, client_order_id: str) -> Reading | None:
    """Success is an integer orderId under our own client id; an error is an integer code."""
    document = parsing.read_json(answer.body)
    if not isinstance(document, dict):
        return None
    if "code" in document:
        code = _code_text(document["code"])
        return Reading(code=code, text=_clean(document.get("msg"))) if code else None
    order_id = _code_text(document.get("orderId"))
    if not order_id or document.get("clientOrderId") != client_order_id:
        return None
    return Reading(venue_order_id=order_id)


def _okx_item(document: Mapping[str, object], client_order_id: str) -> Mapping[str, object] | None:
    """The one item of the batch that speaks of our order."""
    data = document.get("data")
    items = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    mine = [item for item in items if item.get("clOrdId") == client_order_id]
    return mine[0] if len(mine) == 1 and len(items) == 1 else None


def read_okx(answer: HttpAnswer, client_order_id: str) -> Reading | None:
    """The item's sCode decides (B24); without items the top-level code does. Codes are texts of digits.

    51000 that names clOrdId says nothing of the order itself, so it is no proof of a refusal; neither is
    51000 on any other status than 400.
    """
    document = parsing.read_json(answer.body)
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    code, text = document["code"], _clean(document.get("msg"))
    if document.get("data"):
        item = _okx_item(document, client_order_id)
        if item is None or code not in {"0", "1", "2"}:
            return None
        return _okx_item_reading(item, code)
    if code == "51000" and (answer.status != 400 or "clordid" in text.lower()):
        return Reading(code="51000 unproved", text=text)
    return Reading(code=code, text=text) if code not in {"0", "1", "2"} else None


def _okx_item_reading(item: Mapping[str, object], outer: str) -> Reading | None:
    code, order_id = item.get("sCode"), item.get("ordId")
    text = _clean(item.get("sMsg"))
    if not isinstance(code, str) or not code.isdigit():
        return None
    if code != "0":
        return Reading(code="51000 unproved" if code == "51000" else code, text=text) if outer != "0" else None
    accepted = outer != "1" and isinstance(order_id, str) and order_id.isdigit()
    return Reading(venue_order_id=str(order_id)) if accepted else None


def read_nothing(answer: HttpAnswer, client_order_id: str) -> Reading | None:
    """A venue whose codes nobody has tabled proves nothing by them."""
    return None


BINANCE = OutcomeTable(
    read=read_binance,
    rejected=frozenset(
        [
            "-1013",
            "-1021",
            "-1022",
            "-1111",
            "-2014",
            "-2015",
            "-2018",
            "-2019",
            "-2022",
            "-2027",
            "-4131",
            "-4164",
            "-5022",
            "-5028",
        ]
    ),
    exists=frozenset({"-4116"}),
    throttled=frozenset({"-1003", "-1015"}),
    cancel_gone=frozenset({"-2011", "-2013"}),
    refusal_statuses=frozenset({400, 401}),
)
OKX = OutcomeTable(
    read=read_okx,
    rejected=frozenset(
        [
            "50036",
            "50037",
            "50102",
            "50111",
            "50113",
            "51000",
            "51006",
            "51008",
            "51020",
            "51121",
            "51137",
            "51138",
            "51169",
        ]
    ),
    exists=frozenset({"51016", "50071"}),
    throttled=frozenset({"50011", "50061"}),
    cancel_gone=frozenset({"51400", "51401", "51402", "51603"}),
    refusal_statuses=frozenset({200, 400, 401}),
)
UNTABLED = OutcomeTable(
    read=read_nothing,
    rejected=frozenset(),
    exists=frozenset(),
    throttled=frozenset(),
    cancel_gone=frozenset(),
    refusal_statuses=frozenset(),
)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds, when it is a plain number of at most a week."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        return None
    return float(min(int(value), 604_800))


def is_throttled(table: OutcomeTable, status: int | None, code: str) -> bool:
    return status in THROTTLED_STATUS or (code in table.throttled and status is not None and status < 500)


def classify_submit(table: OutcomeTable, answer: HttpAnswer, client_order_id: str) -> Outcome:
    """S1 for an order. UNKNOWN unless the answer itself proves more."""
    return _classify(table, answer, client_order_id, table.rejected, table.exists)


def classify_cancel(table: OutcomeTable, answer: HttpAnswer, client_order_id: str) -> Outcome:
    """S1 for a cancel. REJECTED: this call canceled nothing; the order may be filled, so fetch it (VENUES 8.6)."""
    return _classify(table, answer, client_order_id, table.rejected | table.cancel_gone, frozenset())


def _classify(
    table: OutcomeTable,
    answer: HttpAnswer,
    client_order_id: str,
    rejected: frozenset[str],
    exists: frozenset[str],
) -> Outcome:
    if not answer.sent:
        return Outcome(OutcomeKind.REJECTED, "not_sent", answer.trouble[:TEXT_LIMIT])
    if answer.status is None:
        return Outcome(OutcomeKind.UNKNOWN, "no_answer", answer.trouble[:TEXT_LIMIT])
    reading = table.read(answer, client_order_id)
    code = reading.code if reading else ""
    text = reading.text if reading else f"HTTP {answer.status} without a readable answer"
    if is_throttled(table, answer.status, code):
        return Outcome(OutcomeKind.THROTTLED, code, text, retry_after_seconds=retry_after_seconds(answer.headers))
    if reading is None:
        return Outcome(OutcomeKind.UNKNOWN, f"http_{answer.status}", text)
    if reading.venue_order_id and 200 <= answer.status < 300:
        return Outcome(OutcomeKind.ACCEPTED, venue_order_id=reading.venue_order_id)
    if answer.status in table.refusal_statuses and code in exists:
        return Outcome(OutcomeKind.EXISTS, code, text)
    if answer.status in table.refusal_statuses and code in rejected:
        return Outcome(OutcomeKind.REJECTED, code, text)
    return Outcome(OutcomeKind.UNKNOWN, code or f"http_{answer.status}", text)


def classify_setting(answer: HttpAnswer, *, accepted: bool, unchanged: frozenset[str] = frozenset()) -> Outcome:
    """For settings that may be repeated (leverage, cancel timer): a coded 4xx is a refusal, the rest is unknown."""
    if not answer.sent:
        return Outcome(OutcomeKind.REJECTED, "not_sent", answer.trouble[:TEXT_LIMIT])
    if answer.status is None:
        return Outcome(OutcomeKind.UNKNOWN, "no_answer", answer.trouble[:TEXT_LIMIT])
    code, text = error_code(answer)
    if answer.status in THROTTLED_STATUS:
        return Outcome(OutcomeKind.THROTTLED, code, text, retry_after_seconds=retry_after_seconds(answer.headers))
    if (200 <= answer.status < 300 and accepted) or code in unchanged:
        return Outcome(OutcomeKind.ACCEPTED, code, text)
    refused = bool(code) and answer.status < 500
    return Outcome(OutcomeKind.REJECTED if refused else OutcomeKind.UNKNOWN, code or f"http_{answer.status}", text)


def error_code(answer: HttpAnswer) -> tuple[str, str]:
    """(code, text) of an error answer of either venue's shape; ("", "") when there is none."""
    document = parsing.read_json(answer.body)
    if not isinstance(document, dict):
        return "", ""
    code = document.get("code")
    if isinstance(code, str) and code.isdigit() and code != "0":
        data = document.get("data")
        first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
        return str(first.get("sCode") or code)[:20], _clean(first.get("sMsg")) or _clean(document.get("msg"))
    return (_code_text(code), _clean(document.get("msg"))) if code not in (0, 200) else ("", "")
