"""RELIABILITY S1, row by row, and whatever a broken answer could tempt us to believe."""

import json
import os
from pathlib import Path

import pytest

from trading.venues import errors
from trading.venues.base import OutcomeKind
from trading.venues.errors import BINANCE, OKX, HttpAnswer, OutcomeTable

OURS = "PBabc0000000000000000000000A01"
SHARED = Path(os.environ.get("PROPBOT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
MATRIX = SHARED / "data" / "errors" / "ccxt_error_matrix.json"

BINANCE_REJECTED = (
    "-1013 -1021 -1022 -1111 -2014 -2015 -2018 -2019 -2022 -2027 -4131 -4164 -5022 -5028".split()  # noqa: SIM905
)
OKX_REJECTED = (
    "50036 50037 50102 50111 50113 51006 51008 51020 51121 51137 51138 51169".split()  # noqa: SIM905
)
BINANCE_UNPROVED = (-1000, -1001, -1006, -1007, -1008, -1106, -1121, -4046, -9999)
OKX_UNPROVED = ("50001", "50004", "50005", "50013", "50026", "51149", "51001", "59999")


def submit(table: OutcomeTable, status: int | None, body: object) -> OutcomeKind:
    text = body if isinstance(body, str) else json.dumps(body)
    return errors.classify_submit(table, HttpAnswer(status, text), OURS).kind


def cancel(table: OutcomeTable, status: int | None, body: object) -> OutcomeKind:
    text = body if isinstance(body, str) else json.dumps(body)
    return errors.classify_cancel(table, HttpAnswer(status, text), OURS).kind


def binance(code: object) -> dict[str, object]:
    return {"code": code, "msg": "text"}


def item(code: str, order_id: str = "", outer: str = "1", client_order_id: str = OURS) -> dict[str, object]:
    return {"code": outer, "msg": "", "data": [{"clOrdId": client_order_id, "ordId": order_id, "sCode": code}]}


def test_an_order_id_under_our_client_id_is_accepted() -> None:
    assert submit(BINANCE, 200, {"orderId": 7, "clientOrderId": OURS}) == OutcomeKind.ACCEPTED
    assert submit(OKX, 200, item("0", "7", outer="0")) == OutcomeKind.ACCEPTED
    assert submit(OKX, 200, item("0", "7", outer="2")) == OutcomeKind.ACCEPTED


@pytest.mark.parametrize("code", BINANCE_REJECTED)
def test_a_listed_binance_code_is_a_rejection(code: str) -> None:
    assert submit(BINANCE, 400, binance(int(code))) == OutcomeKind.REJECTED


@pytest.mark.parametrize("code", OKX_REJECTED)
def test_a_listed_okx_code_is_a_rejection_in_an_item_and_on_top(code: str) -> None:
    assert submit(OKX, 200, item(code)) == OutcomeKind.REJECTED
    assert submit(OKX, 200, item(code, outer="2")) == OutcomeKind.REJECTED
    assert submit(OKX, 401, {"code": code, "data": [], "msg": ""}) == OutcomeKind.REJECTED


def test_okx_51000_rejects_only_on_http_400_and_when_it_does_not_name_the_client_id() -> None:
    assert submit(OKX, 400, {"code": "51000", "msg": "Parameter px error", "data": []}) == OutcomeKind.REJECTED
    assert submit(OKX, 400, {"code": "51000", "msg": "Parameter clOrdId error", "data": []}) == OutcomeKind.UNKNOWN
    assert submit(OKX, 200, {"code": "51000", "msg": "Parameter px error", "data": []}) == OutcomeKind.UNKNOWN
    assert submit(OKX, 200, item("51000")) == OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("table", "status", "body"),
    [(BINANCE, 400, binance(-4116)), (OKX, 200, item("51016")), (OKX, 200, {"code": "50071", "data": []})],
)
def test_a_duplicate_client_id_exists_and_is_never_a_rejection(
    table: OutcomeTable, status: int, body: dict[str, object]
) -> None:
    assert submit(table, status, body) == OutcomeKind.EXISTS


@pytest.mark.parametrize(
    ("table", "status", "body"),
    [
        (BINANCE, 429, binance(-1003)),
        (BINANCE, 418, binance(-1003)),
        (BINANCE, 429, binance(-1015)),
        (BINANCE, 429, "<html>429</html>"),
        (OKX, 429, {"code": "50011", "data": []}),
        (OKX, 200, {"code": "50011", "data": []}),
        (OKX, 200, item("50061")),
        (OKX, 429, "<html>429</html>"),
    ],
)
def test_a_rate_limit_is_throttled(table: OutcomeTable, status: int, body: object) -> None:
    assert submit(table, status, body) == OutcomeKind.THROTTLED


def test_retry_after_is_read_and_nonsense_in_it_is_not() -> None:
    answer = HttpAnswer(429, "{}", {"retry-after": "7"})
    assert errors.classify_submit(BINANCE, answer, OURS).retry_after_seconds == 7.0
    for nonsense in ("-1", "soon", "1e9", "99999999999", ""):
        assert errors.retry_after_seconds({"Retry-After": nonsense}) is None


@pytest.mark.parametrize("code", BINANCE_UNPROVED)
def test_an_unlisted_binance_code_proves_nothing(code: int) -> None:
    assert submit(BINANCE, 400, binance(code)) == OutcomeKind.UNKNOWN


@pytest.mark.parametrize("code", OKX_UNPROVED)
def test_an_unlisted_okx_code_proves_nothing(code: str) -> None:
    assert submit(OKX, 200, {"code": code, "data": [], "msg": ""}) == OutcomeKind.UNKNOWN
    assert submit(OKX, 200, item(code)) == OutcomeKind.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 503, 504, 403, 451, 302])
def test_a_rejection_code_on_a_status_that_proves_nothing_stays_unknown(status: int) -> None:
    assert submit(BINANCE, status, binance(-2019)) == OutcomeKind.UNKNOWN
    assert submit(OKX, status, item("51008")) == OutcomeKind.UNKNOWN


def test_no_answer_is_unknown_and_a_request_that_never_left_is_not() -> None:
    silent = HttpAnswer(None, trouble="RequestTimeout", sent=True)
    unsent = HttpAnswer(None, trouble="NotSupported", sent=False)
    for table in (BINANCE, OKX):
        assert errors.classify_submit(table, silent, OURS).kind == OutcomeKind.UNKNOWN
        assert errors.classify_submit(table, unsent, OURS).code == "not_sent"


BROKEN = [
    "",
    "{}",
    "[]",
    "null",
    "0",
    "<html>maintenance</html>",
    '{"orderId": 7, "clientOr',
    '{"orderId": NaN, "clientOrderId": "' + OURS + '"}',
    '{"orderId": null, "clientOrderId": "' + OURS + '"}',
    '{"orderId": "7", "clientOrderId": "' + OURS + '"}',
    '{"orderId": true, "clientOrderId": "' + OURS + '"}',
    '{"orderId": 7.0, "clientOrderId": "' + OURS + '"}',
    '{"orderId": 7}',
    '{"orderId": 7, "clientOrderId": "another"}',
    '{"code": "-2019"}',
    '{"code": -2019.0}',
    '{"code": null}',
    '{"code": [-2019]}',
    '{"code": -2019, "code": 0}',
    '{"code": ' + "9" * 5000 + "}",
    '{"code": "0", "data": []}',
    '{"code": "0", "data": null}',
    '{"code": "0", "data": [{}]}',
    '{"code": "1", "data": ["51008"]}',
    '{"code": 1, "data": [{"sCode": "51008", "clOrdId": "' + OURS + '"}]}',
    '{"code": "1", "data": [{"sCode": 51008, "clOrdId": "' + OURS + '"}]}',
    '{"code": "1", "data": [{"sCode": "51008", "clOrdId": "another"}]}',
    '{"code": "1", "data": [{"sCode": "0", "ordId": "7", "clOrdId": "' + OURS + '"}]}',
    '{"code": "0", "data": [{"sCode": "51008", "ordId": "", "clOrdId": "' + OURS + '"}]}',
    '{"code": "0", "data": [{"sCode": "0", "ordId": null, "clOrdId": "' + OURS + '"}]}',
    "[" * 100_000,
    '{"a": "' + "x" * 10_000_000 + '"}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("table", [BINANCE, OKX], ids=["binance", "okx"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_broken_answer_is_unknown_whatever_its_status(table: OutcomeTable, body: str, status: int) -> None:
    assert submit(table, status, body) == OutcomeKind.UNKNOWN


@pytest.mark.parametrize("code", ["51400", "51401", "51402"])
def test_a_cancel_of_an_order_that_is_gone_is_answered_as_such(code: str) -> None:
    assert cancel(OKX, 200, item(code)) == OutcomeKind.REJECTED
    assert cancel(BINANCE, 400, binance(-2011)) == OutcomeKind.REJECTED


def test_the_codes_of_a_gone_order_prove_nothing_about_a_submit() -> None:
    assert submit(BINANCE, 400, binance(-2011)) == OutcomeKind.UNKNOWN
    assert submit(OKX, 200, item("51400")) == OutcomeKind.UNKNOWN


def expected_of(case: dict[str, object]) -> OutcomeKind:
    """What S1 says of a row of the recorded matrix."""
    status, body = case["http_status"], str(case["body"])
    if status in (418, 429):
        return OutcomeKind.THROTTLED
    if not isinstance(status, int) or status >= 500 or not body.startswith("{"):
        return OutcomeKind.UNKNOWN
    document = json.loads(body)
    codes = {str(document["code"]), *(str(row["sCode"]) for row in document.get("data", []))}
    if codes & {"-4116", "51016"}:
        return OutcomeKind.EXISTS
    if codes & {*BINANCE_REJECTED, *OKX_REJECTED}:
        return OutcomeKind.REJECTED
    return OutcomeKind.UNKNOWN


@pytest.mark.skipif(not MATRIX.exists(), reason=f"the recorded matrix is not at {MATRIX}")
def test_every_row_of_the_recorded_matrix_gets_the_class_of_s1() -> None:
    cases = json.loads(MATRIX.read_text())["cases"]
    assert len(cases) > 50
    for case in cases:
        table = BINANCE if case["venue"] == "binanceusdm" else OKX
        answer = HttpAnswer(case["http_status"], case["body"])
        found = errors.classify_submit(table, answer, "a1")
        assert found.kind == expected_of(case), case
