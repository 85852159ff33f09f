"""Canaries: no secret survives the way into a log line."""

import json
import logging

import pytest
import structlog

from propbot import logs, redaction

CANARY = "canary-0451-keep-me-out"


@pytest.fixture(autouse=True)
def _known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    redaction.register([CANARY])


@pytest.mark.parametrize(
    "text",
    [
        f"sending {CANARY} to the venue",
        "apiKey=unregistered-value-1",
        "https://fapi/v1/order?symbol=BTCUSDT&signature=unregistered-value-1",
        '{"OK-ACCESS-PASSPHRASE": "unregistered-value-1"}',
        "Authorization: Bearer unregistered-value-1",
        "postgres://desk:unregistered-value-1@db/propbot",
        "redis://:unregistered-value-1@cache/0",
        "BINANCE_API_SECRET=unregistered-value-1",
        "headers={'X-MBX-APIKEY': 'unregistered-value-1'}",
        "APPROVE_TOKEN: unregistered-value-1",
    ],
)
def test_a_text_loses_its_secret(text: str) -> None:
    clean = redaction.redact_text(text)
    assert CANARY not in clean
    assert "unregistered-value-1" not in clean
    assert redaction.REDACTED in clean


@pytest.mark.parametrize("name", ["token", "password", "api_key", "apiKey", "okx_passphrase", "otp", "Authorization"])
def test_a_field_with_a_secret_name_is_blank_at_any_depth(name: str) -> None:
    assert redaction.redact({"outer": [{name: "value-that-nobody-registered"}]}) == {"outer": [{name: "[redacted]"}]}


@pytest.mark.parametrize("name", ["symbol", "token_label", "designation", "keys", "signal", "idempotency_key"])
def test_ordinary_fields_keep_their_value(name: str) -> None:
    assert redaction.redact({name: "BTCUSDT"}) == {name: "BTCUSDT"}


def render(message: str, *arguments: object, **options: object) -> str:
    formatter = structlog.stdlib.ProcessorFormatter(
        **{key: value for key, value in logs.logging_config("INFO")["formatters"]["json"].items() if key != "()"}
    )
    record = logging.LogRecord("desk", logging.ERROR, __file__, 1, message, arguments, options.get("exc_info"))  # type: ignore[arg-type]
    return formatter.format(record)


def test_a_traceback_loses_its_secret_and_never_shows_local_variables() -> None:
    hidden = "local-variable-value"
    try:
        raise ValueError(f"refused with {CANARY}")
    except ValueError as error:
        line = render("order failed for %s", CANARY, exc_info=(type(error), error, error.__traceback__))
    assert "ValueError" in line
    assert CANARY not in line
    assert hidden not in line.replace('hidden = "local-variable-value"', "")


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "\x1b[31mred", "\u202egnp.exe", "a\x00b", "a\u2028b"])
def test_one_event_is_one_line_of_plain_ascii(text: str) -> None:
    line = render("name is %s", text)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["event"] == f"name is {text}"
